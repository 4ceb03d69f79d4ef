// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The quantized formats, the values of the 4-bit ones, and FP32 to and from the float types that are coded.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/checkpoint/dtype.h"

namespace deltascope {

enum class QuantFormat : std::uint8_t { Nf4, Fp4, Int8 };
[[nodiscard]] std::string_view nameOf(QuantFormat format);  ///< "nf4", "fp4", "int8"
[[nodiscard]] std::optional<QuantFormat> quantFormatFromName(std::string_view name);

/// The sixteen values of a 4-bit format, by code, and the boundaries between neighbours in ascending order of value
/// (`x > boundary` moves up). `order` maps ascending rank to code; FP4 has two zeros, codes 0 and 8, both +0. Values and
/// boundaries are those of bitsandbytes' torch implementation, FP32 midpoints; its CUDA kernels differ in the last bit of some
/// boundaries.
struct CodeBook {
  std::array<float, 16> values;
  std::array<float, 15> boundaries;
  std::array<std::uint8_t, 16> order;
};
[[nodiscard]] const CodeBook& codeBook(QuantFormat format);  ///< Nf4 or Fp4

/// FP32 value of element i of `bytes` holding elements of `dtype` (BF16, F16, F32), and rounding to nearest even back.
/// Denormals are kept. toFloat keeps NaN payloads but makes signalling F16 NaNs quiet; fromFloat writes every NaN as 0x7FC0,
/// 0x7E00 or 0x7FC00000, so that all processors agree. `from` and `into` hold the same number of elements.
void toFloat(DType dtype, std::span<const std::byte> from, std::span<float> into);
void fromFloat(DType dtype, std::span<const float> from, std::span<std::byte> into);

}  // namespace deltascope
