// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Values that are computed in FP32 and rounded once.
#include <algorithm>
#include <array>

#include "core/quant/codebook.h"

namespace deltascope {

/// Fills `into` with elements of `type`, piece by piece: `compute` gets where a piece begins, a multiple of 1,024, and its
/// floats, which it sets.
template <class Compute>
void roundInPieces(DType type, std::span<std::byte> into, Compute compute) {
  constexpr std::size_t kPiece = 1024;
  std::array<float, kPiece> piece;
  const std::size_t size = type == DType::F32 ? 4 : 2, count = into.size() / size;
  for (std::size_t first = 0; first < count; first += kPiece) {
    const auto floats = std::span(piece).first(std::min(kPiece, count - first));
    compute(first, floats);
    fromFloat(type, floats, into.subspan(first * size, floats.size() * size));
  }
}

}  // namespace deltascope
