// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Elements of an array of any float type, one at a time: the definition that the vector units must reproduce.
#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/half.h"
#include "kernels/quantize.h"

namespace deltascope::kernels {

[[nodiscard]] inline float load(ElementType type, const std::byte* from, std::size_t i) {
  if (type == ElementType::F32) {
    float x = 0;
    std::memcpy(&x, from + 4 * i, 4);
    return x;
  }
  std::uint16_t h = 0;
  std::memcpy(&h, from + 2 * i, 2);
  return type == ElementType::F16 ? fromF16QuietNan(h) : fromBf16(h);
}

inline void store(ElementType type, float x, std::byte* into, std::size_t i) {
  if (type == ElementType::F32) {
    const std::uint32_t bits = toF32BitsOneNan(x);
    std::memcpy(into + 4 * i, &bits, 4);
    return;
  }
  const std::uint16_t h = type == ElementType::F16 ? toF16OneNan(x) : toBf16OneNan(x);
  std::memcpy(into + 2 * i, &h, 2);
}

/// The float behind the largest magnitude bits of a run: its bits as an integer order as the magnitudes do, NaN above all.
[[nodiscard]] inline float magnitudeToFloat(ElementType type, std::uint32_t bits) {
  const float x = type == ElementType::F32   ? std::bit_cast<float>(bits)
                  : type == ElementType::F16 ? fromF16(static_cast<std::uint16_t>(bits))
                                             : fromBf16(static_cast<std::uint16_t>(bits));
  return std::bit_cast<float>(toF32BitsOneNan(x));
}

[[nodiscard]] inline bool isFinite(float x) { return (std::bit_cast<std::uint32_t>(x) & kInfinityBits) != kInfinityBits; }

}  // namespace deltascope::kernels
