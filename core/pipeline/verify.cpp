// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "core/pipeline/final_comparison.h"
#include "core/pipeline/reconstruct.h"
#include "core/pipeline/scripts.h"
#include "kernels/backend.h"

namespace deltascope {
namespace {

Result<void> checkDevice(const std::string& device) {
  if (device == "cpu") return {};
  std::string reason = "no such device here";
  for (const auto& info : kernels::devices()) {
    if (info.id == device && info.usable) return {};
    if (info.id == device || info.id == "cuda") reason = info.reason;
  }
  return fail(ErrorCode::Unsupported, device + " cannot be used: " + reason, "use --device cpu");
}

Verdict verdictOf(const TensorStats& tensor, std::size_t index, const RebuiltTensor& rebuilt,
                  const FinalComparison* comparison) {
  Verdict verdict;
  verdict.tensor = tensor.name;
  verdict.elements = tensor.elements;
  if (rebuilt.problem) verdict.problem = describe(*rebuilt.problem);
  if (comparison) {
    const Difference& difference = comparison->difference(index);
    verdict.different = difference.count;
    verdict.firstDifference = difference.first;
    if (verdict.problem.empty()) verdict.problem = comparison->obstacle(index, tensor);
    if (verdict.problem.empty() && difference.count)
      verdict.problem = "the reconstruction has the stored hash: " + comparison->final().path().string() + " is another final";
  }
  verdict.bitExact = verdict.problem.empty();
  return verdict;
}

void add(VerifyResult& result, Verdict verdict, std::uint64_t compared, const VerifyRequest& request) {
  ++result.tensors;
  result.elementsCompared += compared;
  result.elementsDifferent += verdict.different;
  if (verdict.firstDifference && !result.firstDifference)
    result.firstDifference.emplace(verdict.tensor, *verdict.firstDifference);
  if (!verdict.bitExact) result.bitExact = false;
  if (request.onTensor) request.onTensor(verdict);
  result.verdicts.push_back(std::move(verdict));
}

}  // namespace

Result<VerifyResult> verify(const VerifyRequest& request, const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  DELTASCOPE_TRY(checkDevice(request.device));
  DELTASCOPE_ASSIGN(const ModelFiles files, locateModel(request.path, request.base));
  if (files.kind == ModelFiles::Kind::Scripts) return verifyScripts(files, request, "verifying", job);
  DELTASCOPE_ASSIGN(const ReconstructionSource source, openForReconstruction(request.path, request.base));
  const auto& tensors = source.payload.tensors();
  std::optional<FinalComparison> comparison;
  if (!request.final.empty()) {
    DELTASCOPE_ASSIGN(Checkpoint final, Checkpoint::open(request.final));
    comparison.emplace(std::move(final), tensors);
  }
  const FinalComparison* found = comparison ? &*comparison : nullptr;

  VerifyResult result;
  result.bitExact = true;
  ReconstructionHooks hooks;
  if (comparison)
    hooks.onRange = [&](std::size_t index, std::uint64_t first, std::span<const std::byte> final) {
      return comparison->compare(index, first, final);
    };
  hooks.onTensor = [&](std::size_t index, RebuiltTensor&& rebuilt) -> Result<void> {
    add(result, verdictOf(tensors[index], index, rebuilt, found), rebuilt.elements, request);
    return {};
  };
  DELTASCOPE_TRY(reconstruct(source, "verifying", job, hooks));
  if (comparison)
    for (const auto& info : comparison->final().tensors())
      if (!source.payload.find(info.name))
        add(result, {info.name, false, info.elements, 0, std::nullopt, "in the final, but not in the payload"}, 0, request);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
