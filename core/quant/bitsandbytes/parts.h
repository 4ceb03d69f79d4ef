// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The names of a quantized weight's parts, and its state as JSON: what reading and writing share.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/quant/bitsandbytes/quantize.h"

namespace deltascope {

inline constexpr std::string_view kAbsmax = ".absmax", kQuantMap = ".quant_map", kNestedAbsmax = ".nested_absmax",
                                  kNestedQuantMap = ".nested_quant_map", kState = ".quant_state.bitsandbytes__";
inline constexpr std::string_view kScb = "SCB", kWeightFormat = "weight_format", kWeight = "weight";

/// Linear8bitLt keeps its parts beside the weight: "a.b.weight" → "a.b.SCB". A name that does not end so keeps them below
/// itself.
[[nodiscard]] std::string int8PartName(std::string_view weight, std::string_view part);

/// json.dumps of QuantState.as_dict without its tensors; `nested` is null without double quantization.
[[nodiscard]] std::string stateJson(QuantFormat format, const std::vector<std::uint64_t>& shape, DType dtype,
                                    unsigned blocksize, const NestedAbsmax* nested);
/// Room for the longest offset; without double quantization the exact length.
[[nodiscard]] std::size_t stateJsonBound(QuantFormat format, const std::vector<std::uint64_t>& shape, DType dtype,
                                         unsigned blocksize, bool doubleQuant);

}  // namespace deltascope
