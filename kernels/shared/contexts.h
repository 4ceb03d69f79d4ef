// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Contexts of residual codes: which weights share statistics, from what their base holds. One definition for every device; a
/// change makes payloads unreadable.
#include <cstdint>

namespace deltascope::kernels {

/// Of INT8 codes, by |q|: single values up to 15, then eight to an octave. |-128| counts as 127's.
[[nodiscard]] constexpr std::uint32_t magnitudeContext(std::uint32_t magnitude) {
  if (magnitude < 16) return magnitude;
  if (magnitude < 32) return 16 + (magnitude - 16) / 2;
  if (magnitude < 64) return 24 + (magnitude - 32) / 4;
  const std::uint32_t context = 32 + (magnitude - 64) / 8;
  return context < 39 ? context : 39;
}

/// Of parents, by how far their exponent lies below the top one: 0 … 15.
[[nodiscard]] constexpr std::uint32_t exponentContext(std::uint32_t top, std::uint32_t exponent) {
  const int below = static_cast<int>(top) - static_cast<int>(exponent);
  return static_cast<std::uint32_t>(below < 0 ? 0 : below < 15 ? below : 15);
}

/// Of four-bit codes, above the code: the top mantissa bits of the block's absmax.
[[nodiscard]] constexpr std::uint32_t mantissaContext(unsigned mantissaBits, std::uint32_t absmaxBits) {
  return (absmaxBits >> (23 - mantissaBits) & ((1u << mantissaBits) - 1)) << 4;
}

}  // namespace deltascope::kernels
