// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The anchor and context of one value among evenly spaced ones. Internal to kernels/cpu; core/payload/FORMAT.md defines both.
#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/cpu/target.h"
#include "kernels/half.h"

namespace deltascope::kernels {

DELTASCOPE_INLINE std::uint32_t floatBits(float value) { return std::bit_cast<std::uint32_t>(value); }

/// Sixteen classes of how large a value is among the values around it. Below four steps: by half octaves of the ratio. Above:
/// by the octave of the anchor, which says how many sixteen-bit numbers a step holds.
DELTASCOPE_INLINE std::uint32_t sizeClass(std::uint32_t value, std::uint32_t step, std::uint32_t edge) {
  const auto half = (static_cast<std::int32_t>(value) - static_cast<std::int32_t>(step)) >> 22;
  const auto octaves = static_cast<std::int32_t>(edge >> 23) - static_cast<std::int32_t>(step >> 23);
  const std::int32_t small = half < -6 ? 0 : half < -4 ? 1 : half < -2 ? 2 : half + 5;
  const std::int32_t large = 8 + std::clamp(octaves, 1, 7);
  return static_cast<std::uint32_t>(half >= 4 ? large : small);
}

template <bool kF16>
DELTASCOPE_INLINE std::uint16_t anchorOf(float edge, std::uint32_t signBits) {
  return static_cast<std::uint16_t>((kF16 ? toF16KeepingNan(edge) : toBf16KeepingNan(edge)) | (signBits >> 16 & 0x8000u));
}

/// The edge nearer zero of the value's bin, half a step from it; of a bin that reaches to the other side of zero, nine octaves
/// below the step.
template <bool kF16>
DELTASCOPE_INLINE void evenAnchor(float value, float step, std::uint16_t& anchor, std::uint8_t& context) {
  const float size = std::bit_cast<float>(floatBits(value) & 0x7fffffffu);
  const float inner = size - 0.5f * step, least = step * 0x1p-9f;
  const float edge = inner > least ? inner : least;
  anchor = anchorOf<kF16>(edge, floatBits(value));
  context = static_cast<std::uint8_t>(sizeClass(floatBits(size), floatBits(step), floatBits(edge)) << 2 |
                                      (floatBits(step) >> 21 & 3));
}

}  // namespace deltascope::kernels
