// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Formats of sixteen values: their tables, and the anchors that follow from them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/checkpoint/dtype.h"
#include "kernels/quantize.h"
#include "kernels/residual.h"

namespace deltascope {

/// The values of a format by code, and the boundaries between neighbours in ascending order of value (`x > boundary` moves up):
/// FP32 midpoints. `order` maps ascending rank to code.
struct CodeBook {
  std::array<float, 16> values{};
  std::array<float, 15> boundaries{};
  std::array<std::uint8_t, 16> order{};
  int negativeZero = -1;  ///< a second code of 0, for small negative numbers; −1: there is none
};
[[nodiscard]] constexpr CodeBook makeCodeBook(const std::array<float, 16>& values, const std::array<std::uint8_t, 16>& order,
                                              int negativeZero = -1) {
  CodeBook book{values, {}, order, negativeZero};
  for (std::size_t i = 0; i < 15; ++i) book.boundaries[i] = (values[order[i]] + values[order[i + 1]]) / 2;
  return book;
}
[[nodiscard]] constexpr kernels::FourBitCode forKernels(const CodeBook& book) {
  return {book.values, book.boundaries, book.order};
}

/// Anchors from the edge of each code's bin nearer zero, which is AnchorRule::lo. The bin of zero begins eight octaves below
/// its own edge.
[[nodiscard]] kernels::AnchorRule fourBitAnchors(const CodeBook& book, DType finalType);

/// value[code] · scale in FP32, one rounding to `dtype`, for a group that divides 4,096 and is at least 32. The number of
/// elements follows from `into`; `codes` starts at a group.
void fourBitValues(const kernels::FourBitCode& code, std::span<const std::uint8_t> codes, std::span<const float> scales,
                   std::uint64_t group, DType dtype, std::span<std::byte> into);

/// FP32 value of element i of `bytes` holding elements of `dtype` (BF16, F16, F32), and rounding to nearest even back.
/// Denormals are kept. toFloat keeps NaN payloads but makes signalling F16 NaNs quiet; fromFloat writes every NaN as 0x7FC0,
/// 0x7E00 or 0x7FC00000, so that all processors agree. `from` and `into` hold the same number of elements.
void toFloat(DType dtype, std::span<const std::byte> from, std::span<float> into);
void fromFloat(DType dtype, std::span<const float> from, std::span<std::byte> into);

}  // namespace deltascope
