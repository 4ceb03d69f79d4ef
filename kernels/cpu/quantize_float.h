// SPDX-License-Identifier: Apache-2.0
#pragma once
/// 16-bit floats in integer arithmetic: the definition that the vector units must reproduce.
#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/quantize.h"

namespace deltascope::kernels {

inline constexpr std::uint32_t kNanBits = 0x7FC00000;
inline constexpr std::uint32_t kInfinityBits = 0x7F800000;

[[nodiscard]] constexpr float bf16ToFloat(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

[[nodiscard]] constexpr float f16ToFloat(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16, magnitude = h & 0x7FFFu;
  if (magnitude >= 0x7C00) {
    const std::uint32_t quiet = magnitude > 0x7C00 ? 0x400000u : 0u;
    return std::bit_cast<float>(sign | kInfinityBits | (magnitude & 0x3FF) << 13 | quiet);
  }
  if (magnitude >= 0x400) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  const float denormal = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(denormal));
}

[[nodiscard]] constexpr std::uint16_t floatToBf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFF) > kInfinityBits) return 0x7FC0;
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

[[nodiscard]] constexpr std::uint16_t floatToF16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude > kInfinityBits) return 0x7E00;
  if (magnitude >= 0x47800000) return static_cast<std::uint16_t>(sign | 0x7C00);  // 65536 and above
  if (magnitude >= 0x38800000) {                                                  // normal; a carry may still reach infinity
    const std::uint32_t rebased = magnitude - (112u << 23);
    return static_cast<std::uint16_t>(sign | (rebased + 0xFFF + (rebased >> 13 & 1)) >> 13);
  }
  // Denormal: adding 0.5 leaves the last bit of the sum at 2^-24, so that this addition rounds as the conversion must.
  const float sum = std::bit_cast<float>(magnitude) + 0.5f;
  return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(sum) - std::bit_cast<std::uint32_t>(0.5f)));
}

[[nodiscard]] inline float load(FloatType type, const std::byte* from, std::size_t i) {
  if (type == FloatType::F32) {
    float x = 0;
    std::memcpy(&x, from + 4 * i, 4);
    return x;
  }
  std::uint16_t h = 0;
  std::memcpy(&h, from + 2 * i, 2);
  return type == FloatType::F16 ? f16ToFloat(h) : bf16ToFloat(h);
}

inline void store(FloatType type, float x, std::byte* into, std::size_t i) {
  if (type == FloatType::F32) {
    const std::uint32_t bits = x != x ? kNanBits : std::bit_cast<std::uint32_t>(x);
    std::memcpy(into + 4 * i, &bits, 4);
    return;
  }
  const std::uint16_t h = type == FloatType::F16 ? floatToF16(x) : floatToBf16(x);
  std::memcpy(into + 2 * i, &h, 2);
}

/// The float behind the largest magnitude bits of a run: its bits as an integer order as the magnitudes do, NaN above all.
[[nodiscard]] inline float magnitudeToFloat(FloatType type, std::uint32_t bits) {
  const float x = type == FloatType::F32   ? std::bit_cast<float>(bits)
                  : type == FloatType::F16 ? f16ToFloat(static_cast<std::uint16_t>(bits))
                                           : bf16ToFloat(static_cast<std::uint16_t>(bits));
  return x != x ? std::bit_cast<float>(kNanBits) : x;
}

[[nodiscard]] inline bool isFinite(float x) { return (std::bit_cast<std::uint32_t>(x) & kInfinityBits) != kInfinityBits; }

}  // namespace deltascope::kernels
