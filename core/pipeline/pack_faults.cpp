// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/pack_faults.h"

#include <algorithm>

#include "core/checkpoint/quant_method.h"

namespace deltascope {
namespace {

constexpr auto kIsThisTheModel = "is this the model that the final was made from?";

}  // namespace

Error alreadyQuantized(const Checkpoint& final, const QuantizedTensor& first) {
  return {
      ErrorCode::InvalidArgument,
      at({final.path(), first.name, {}}, "is already quantized (" + std::string(nameOf(first.format)) + " of bitsandbytes)"),
      "give the 16- or 32-bit checkpoint to quantize, or make this one the --base of its 16-bit --final"};
}

Error nothingToQuantize(const Checkpoint& final) {
  const Location where{final.path(), {}, {}};
  if (const auto method = foreignQuantization(final)) return needsPlainWeights(where, *method);
  if (const auto empty = emptyWeights(final)) {
    for (const auto& tensor : final.tensors())
      if (tensor.elements == 0) return needsGatheredWeights({final.fileOf(tensor), tensor.name, {}}, empty);
  }
  return {ErrorCode::InvalidArgument, at(where, "has no matrix of F32, F16 or BF16 that --quantize would make smaller"),
          "pack it over a --base, or with --scope all, which takes embeddings too"};
}

Error unlikeBase(const Checkpoint& final, const TensorInfo& info, const Checkpoint& base,
                 const std::vector<std::uint64_t>& shape) {
  const Location where{final.fileOf(info), info.name, {}};
  if (info.elements == 0) return needsGatheredWeights(where, emptyWeights(final));
  if (std::find(shape.begin(), shape.end(), 0u) != shape.end())
    return needsGatheredWeights({base.path(), info.name, {}}, emptyWeights(base));
  return {ErrorCode::Mismatch, at(where, "its shape " + shapeText(info.shape) + " is not the base's " + shapeText(shape)),
          kIsThisTheModel};
}

Error nothingShared(const Checkpoint& final, const Checkpoint& base) {
  const auto first = [](const Checkpoint& checkpoint) { return checkpoint.tensors().front().name; };
  std::string names;
  if (!final.tensors().empty() && !base.tensors().empty())
    names = ": its names are as " + printable(first(final), 80) + ", the base's as " + printable(first(base), 80);
  return {ErrorCode::Mismatch, at({final.path(), {}, {}}, "shares no tensor with the base " + base.path().string() + names),
          names.empty() ? kIsThisTheModel : "save the two by the same names, or name the model that the final was made from"};
}

}  // namespace deltascope
