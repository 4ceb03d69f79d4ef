// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/unpack.h"

#include <chrono>

#include "core/rebuild/unpack_output.h"
#include "core/rebuild/written.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

/// What is to get its name must open as a checkpoint of these tensors.
Result<void> checkOutput(const ReconstructionSource& source, const UnpackOutput& output, const std::vector<Sidecar>& companions,
                         const UnpackRequest& request, const JobContext& job) {
  if (output.isFolder()) DELTASCOPE_TRY(check(companions, output.made(), request.verify));
  return checkCheckpoint(output.made(), source.payload, request.verify, job);
}

void tellCompanions(const ReconstructionSource& source, const UnpackOutput& output, UnpackCompanions companions,
                    UnpackResult& result) {
  const auto& facts = source.payload.facts();
  if (const auto told = facts.find(kLeftOutFact); told != facts.end()) result.leftOutByPack = told->second;
  result.leftOut = std::move(companions.leftOut);
  if (!output.isFolder()) {
    for (const auto& file : companions.files) result.leftOut.push_back({file.name, "one file of weights was asked for"});
    return;
  }
  result.companions = companions.files.size();
  result.companionBytes = bytesOf(companions.files);
  result.ofBase = std::move(companions.ofBase);
}

}  // namespace

Result<UnpackResult> unpack(const UnpackRequest& request, const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  DELTASCOPE_ASSIGN(const ReconstructionSource source, openForReconstruction(request.path, request.base));
  const auto& tensors = source.payload.tensors();
  DELTASCOPE_ASSIGN(UnpackCompanions companions, companionsOf(source));
  DELTASCOPE_ASSIGN(UnpackOutput output, UnpackOutput::create(source, companions.files, request));

  UnpackResult result;
  ReconstructionHooks hooks;
  hooks.onRange = [&](std::size_t index, std::uint64_t first, std::span<const std::byte> final) {
    return output.write(index, tensors[index], first, final);
  };
  hooks.onTensor = [&](std::size_t index, RebuiltTensor&& rebuilt) -> Result<void> {
    if (rebuilt.problem) return tl::make_unexpected(std::move(*rebuilt.problem));
    ++result.tensors;
    result.bytes += tensors[index].finalBytes;
    return {};
  };
  DELTASCOPE_TRY(reconstruct(source, "unpacking", job, hooks));
  DELTASCOPE_TRY(output.finish(job));
  if (auto checked = checkOutput(source, output, companions.files, request, job); !checked)
    return tl::make_unexpected(output.shown(checked.error()));
  if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
  DELTASCOPE_TRY(output.commit());
  tellCompanions(source, output, std::move(companions), result);
  result.verified = request.verify;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
