// SPDX-License-Identifier: Apache-2.0
#include "core/pack/request.h"

#include <algorithm>
#include <bit>

namespace deltascope {
namespace {

constexpr unsigned kMostChunks = 65536;
constexpr int kLowestZstdLevel = 1, kHighestZstdLevel = 22;

tl::unexpected<Error> refuse(std::string what, std::string hint) {
  return fail(ErrorCode::InvalidArgument, std::move(what), std::move(hint));
}

Result<void> checkQuantization(const PackRequest& request) {
  if (!request.base.empty() || !request.adapters.empty())
    return refuse("quantizing makes the base: it takes a final alone", "leave out --base and --adapter, or --quantize");
  if (request.final.empty()) return refuse("nothing to quantize", "name the checkpoint with --final");
  if (scalesByRow(*request.quantize)) {
    if (request.doubleQuant) return refuse("double quantization is for nf4 and fp4", "leave out --double-quant");
    return {};
  }
  if (request.blocksize < 32 || request.blocksize > 4096 || !std::has_single_bit(request.blocksize))
    return refuse("blocksize " + std::to_string(request.blocksize) + " is not a power of two from 32 to 4096", "64 is usual");
  return {};
}

}  // namespace

Result<void> checkPackRequest(const PackRequest& request) {
  if (request.chunks < 1 || request.chunks > kMostChunks)
    return refuse("chunks must be 1 to " + std::to_string(kMostChunks), "64 is usual");
  if (request.codecOptions.zstdLevel < kLowestZstdLevel || request.codecOptions.zstdLevel > kHighestZstdLevel)
    return refuse("zstd levels go from 1 to 22", "3 is usual");
  if (request.codec == CodecId::Identical)
    return refuse("identical is what tensors are that equal their base; it cannot be asked for", "leave the codec to auto");
  if (request.codec == CodecId::LowRank && request.adapters.empty())
    return refuse("the lowrank codec stores adapters, and none is given", "name them with --adapter");
  if (request.quantize) return checkQuantization(request);
  if (request.base.empty()) return refuse("no base is given", "name it with --base, or make one with --quantize");
  if (request.final.empty() && request.adapters.empty())
    return refuse("no final is given", "name it with --final, or adapters with --adapter");
  return {};
}

Result<void> checkForcedCodec(const PackSources& sources, const PackPlan& plan) {
  if (!sources.request().codec) return {};
  const bool used = std::ranges::any_of(plan.tensors, &TensorPlan::forced);
  const bool different = std::ranges::any_of(plan.tensors, [](const auto& t) { return t.same != Sameness::Yes; });
  if (used || !different) return {};
  return fail(ErrorCode::Unsupported,
              "no tensor of this pair can be stored as " + std::string(nameOf(*sources.request().codec)),
              "leave the codec to auto");
}

std::uint64_t finalBytesOf(const PackSources& sources) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : sources.tensors()) bytes += tensor.stats.finalBytes;
  return bytes;
}

}  // namespace deltascope
