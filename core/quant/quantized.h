// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Quantized weights as they are found in a checkpoint.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/checkpoint/checkpoint.h"
#include "core/quant/base_kind.h"
#include "core/quant/base_layout.h"

namespace deltascope {

/// One quantized weight. Everything was validated (shapes, sizes, the state's JSON) by findQuantized.
struct QuantizedTensor {
  std::string name;  ///< e.g. model.layers.0.mlp.up_proj.weight
  BaseKind kind = BaseKind::Nf4;
  DType dtype = DType::BF16;  ///< what the library dequantizes to
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  BaseLayout layout;
  std::uint64_t storedBytes = 0;  ///< of all its parts in the checkpoint
  const TensorInfo* codes = nullptr;
  /// Formats that keep a state: its hash (core/payload/FORMAT.md, "Bases"), what the scales do not tell of the quantization.
  Hash128 state;
  bool usualMap = true;       ///< the values that the file lists are the format's own, which are what counts
  std::vector<float> scales;  ///< of every group
};

/// The quantized weights of a checkpoint by name, and the names of all tensors that are only their parts (`W.absmax` …).
/// Memory: scales are loaded (1/16 of the weights at 64 a group).
struct QuantizedTensors {
  std::map<std::string, QuantizedTensor, std::less<>> weights;
  std::map<std::string, std::string, std::less<>> parts;  ///< part name → weight name

  [[nodiscard]] const QuantizedTensor* find(std::string_view name) const {
    const auto found = weights.find(name);
    return found == weights.end() ? nullptr : &found->second;
  }
  /// The weight whose codes this tensor of the checkpoint is, under whatever name.
  [[nodiscard]] const QuantizedTensor* withCodes(const TensorInfo& tensor) const {
    const auto owner = parts.find(tensor.name);
    const auto* weight = find(owner == parts.end() ? tensor.name : owner->second);
    return weight && weight->codes == &tensor ? weight : nullptr;
  }
};
enum class ScaleReading : std::uint8_t {
  Read,
  CheckOnly,  ///< headers alone; `scales` stay empty
  Describe,   ///< the same, and what does not fit is left out
};

/// Untrusted bytes: a part that is missing or does not fit is Corrupt, a block size, type or layout that this program does not
/// know is Unsupported; the message names file, weight and part. Memory stays within four times the bytes of the parts in the
/// file. The checkpoint must outlive the result.
[[nodiscard]] Result<QuantizedTensors> findQuantized(const Checkpoint& checkpoint, ScaleReading reading = ScaleReading::Read);
/// For showing: weights with a part that is damaged or unknown are left out, so that they stay the tensors they are.
[[nodiscard]] QuantizedTensors describeQuantized(const Checkpoint& checkpoint);

}  // namespace deltascope
