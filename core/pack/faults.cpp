// SPDX-License-Identifier: Apache-2.0
#include "core/pack/faults.h"

#include <algorithm>
#include <map>

#include "core/base/units.h"
#include "core/checkpoint/quant_method.h"
#include "core/pack/sources.h"

namespace deltascope {
namespace {

constexpr auto kAsItIs = "or add --allow-unquantized to store it twice";

/// "; 24 matrices are F8_E4M3": the commonest type of those that cannot be quantized.
std::string otherMatrices(const Checkpoint& final) {
  std::map<DType, std::ptrdiff_t> counts;
  for (const auto& tensor : final.tensors())
    if (tensor.shape.size() >= 2 && tensor.elements > 0 && !isCodedFloat(tensor.dtype)) ++counts[tensor.dtype];
  if (counts.empty()) return {};
  const auto& [type, count] = *std::ranges::max_element(counts, {}, [](const auto& c) { return c.second; });
  return "; " + counted(count, "matrix is", "matrices are") + " " + std::string(nameOf(type));
}

constexpr auto kIsThisTheModel = "is this the model that the final was made from?";

}  // namespace

Error alreadyQuantized(const Checkpoint& final, const QuantizedTensor& first) {
  return {ErrorCode::InvalidArgument,
          at({final.path(), first.name, {}}, "is already quantized (" + std::string(nameOf(first.kind)) + " of " +
                                                 std::string(formatOf(first.kind).library()) + ")"),
          "give the 16- or 32-bit checkpoint to quantize, or make this one the --base of its 16-bit --final"};
}

Error nothingToQuantize(const Checkpoint& final, PackScope scope, const LinearLayers& layers) {
  const Location where{final.path(), {}, {}};
  if (const auto method = foreignQuantization(final)) return needsPlainWeights(where, *method);
  if (const auto empty = emptyWeights(final)) {
    for (const auto& tensor : final.tensors())
      if (tensor.elements == 0) return needsGatheredWeights({final.fileOf(tensor), tensor.name, {}}, empty);
  }
  const auto all =
      std::ranges::count_if(final.tensors(), [&](const auto& t) { return isQuantizedBy(PackScope::All, t, layers); });
  if (scope == PackScope::Linear && all > 0)
    return {ErrorCode::InvalidArgument,
            at(where,
               "has no weight of a linear layer that --quantize would take: a matrix of F32, F16 or BF16 whose name ends in "
               ".weight and is no embedding, output head, router or norm"),
            "--scope all takes its " + counted(all, "matrix", "matrices") + ", " + kAsItIs};
  return {ErrorCode::InvalidArgument,
          at(where, "has no matrix of F32, F16 or BF16 that --quantize would make smaller" + otherMatrices(final)),
          "pack it over a --base, " + std::string(kAsItIs)};
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

Error anotherModels(const Checkpoint& final, const Checkpoint& base, std::uint64_t fitting, std::uint64_t misfits) {
  return {
      ErrorCode::Mismatch,
      at({base.path(), {}, {}}, "is another model than " + final.path().string() + ": of " + formatCount(fitting + misfits) +
                                    " tensors that both have, " + formatCount(fitting) + " fit"),
      kIsThisTheModel};
}

Error nothingShared(const Checkpoint& final, const Checkpoint& base) {
  const auto first = [](const Checkpoint& checkpoint) { return checkpoint.tensors().front().name; };
  std::string names;
  if (base.tensors().empty())
    return {ErrorCode::Mismatch, at({base.path(), {}, {}}, "holds no tensors"), "name the model that the final was made from"};
  if (!final.tensors().empty() && !base.tensors().empty())
    names = ": its names are as " + printable(first(final), 80) + ", the base's as " + printable(first(base), 80);
  return {ErrorCode::Mismatch, at({final.path(), {}, {}}, "shares no tensor with the base " + base.path().string() + names),
          names.empty() ? kIsThisTheModel : "save the two by the same names, or name the model that the final was made from"};
}

std::optional<std::string> emptyWeightsNote(const Checkpoint& final) {
  const auto isEmptyVector = [](const TensorInfo& tensor) {
    return tensor.elements == 0 && tensor.shape.size() == 1 && tensor.name.ends_with(".weight");
  };
  const auto empty = std::ranges::count_if(final.tensors(), isEmptyVector);
  if (empty == 0) return std::nullopt;
  return counted(empty, "weight of the final is", "weights of the final are") + " empty, such as " +
         printable(std::ranges::find_if(final.tensors(), isEmptyVector)->name) +
         ": DeepSpeed ZeRO-3 saves so where it does not gather the weights first";
}

}  // namespace deltascope
