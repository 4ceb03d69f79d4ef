// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Writing quantized weights in the names and layouts of bitsandbytes; see formats.h.
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/checkpoint/checkpoint.h"
#include "core/quant/bitsandbytes/quantize.h"

namespace deltascope {

/// Tensors to declare for a weight `name` quantized by us, in bitsandbytes' names, and the small ones' bytes.
/// The codes ("name") are written by range; all others are given whole by quantizedParts once scales are known. With double
/// quantization the state's JSON is padded with spaces, since its length would depend on the offset.
[[nodiscard]] std::vector<TensorSpec> quantizedSpecs(std::string_view name, QuantFormat format,
                                                     const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                                                     bool doubleQuant);
/// QuantizedTensor::state of a weight that is quantized here; zeros for INT8, which has none.
[[nodiscard]] Hash128 quantizationState(QuantFormat format, unsigned blocksize, bool doubleQuant);
struct TensorBytes {
  std::string name;
  std::vector<std::byte> bytes;
};
/// `scales`: absmax of every block or SCB of every row. `nested`: null without double quantization.
[[nodiscard]] std::vector<TensorBytes> quantizedParts(std::string_view name, QuantFormat format,
                                                      const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                                                      std::span<const float> scales, const NestedAbsmax* nested);
/// The `quantization_config` for config.json that makes transformers load the checkpoint, as BitsAndBytesConfig.to_dict gives
/// it. `dtype`: of the computation. `skippedModules`: every Linear that the file holds unquantized, lm_head too (transformers
/// matches each name as a regular expression from the start and as a suffix).
[[nodiscard]] nlohmann::json quantizationConfig(QuantFormat format, DType dtype, bool doubleQuant,
                                                const std::vector<std::string>& skippedModules);

}  // namespace deltascope
