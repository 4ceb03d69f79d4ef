// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "core/pipeline/unpack_output.h"

namespace deltascope {

Result<UnpackResult> unpack(const UnpackRequest& request, const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  DELTASCOPE_ASSIGN(const ReconstructionSource source, openForReconstruction(request.path, request.base));
  const auto& tensors = source.payload.tensors();
  DELTASCOPE_ASSIGN(UnpackOutput output, UnpackOutput::create(source, request));

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
  DELTASCOPE_TRY(output.copyCompanions(source));
  DELTASCOPE_TRY(output.commit(job));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
