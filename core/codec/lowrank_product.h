// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The arithmetic of one low-rank term on a few rows of floats, by instruction set; all give the same bits. Internal to
/// core/codec.
#include <cstddef>
#include <cstdint>

#include "kernels/backend.h"

namespace deltascope {

/// w[row][j] += scale · Σ_r outer[row][r] · inner[r][j], with r ascending in one fused multiply-add each, the product with
/// `scale` and the sum rounded separately, and any NaN replaced by 0x7fc00000: processors disagree about a NaN's payload.
struct LowRankTile {
  const float* outer = nullptr;  ///< rows × rank
  const float* inner = nullptr;  ///< rank × columns, rows `innerStride` apart
  std::size_t innerStride = 0;
  std::size_t rank = 0;
  float scale = 1;
  float* w = nullptr;  ///< rows × columns, rows `stride` apart
  std::size_t stride = 0;
  std::size_t rows = 0;  ///< at most kLowRankRows
  std::size_t columns = 0;
};

inline constexpr std::size_t kLowRankRows = 4;

using LowRankProduct = void (*)(const LowRankTile&);
/// The best variant `isa` and this processor allow.
[[nodiscard]] LowRankProduct lowRankProduct(kernels::Isa isa);

}  // namespace deltascope
