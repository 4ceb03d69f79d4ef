// SPDX-License-Identifier: Apache-2.0
#pragma once
/// 16-bit floats in scalar code: BF16 and IEEE half, rounding to nearest even, every bit pattern defined, in integer
/// arithmetic. Vector units and GPUs must give the same bits. What becomes of a NaN is in the names: processors and formats
/// differ in it.
#include <bit>
#include <cstdint>

namespace deltascope::kernels {

inline constexpr std::uint32_t kInfinityBits = 0x7f800000;
/// The one NaN that *OneNan conversions make, of each type: positive, quiet, without payload.
inline constexpr std::uint32_t kNanBits = 0x7fc00000;
inline constexpr std::uint16_t kNanBf16 = 0x7fc0, kNanF16 = 0x7e00;

/// Exact. NaNs keep sign and payload.
[[nodiscard]] constexpr float fromBf16(std::uint16_t h) { return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16); }

/// Exact. NaNs keep sign and payload; signalling ones stay signalling.
[[nodiscard]] constexpr float fromF16(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t exponent = h >> 10 & 31u, mantissa = h & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | kInfinityBits | mantissa << 13);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}
/// As fromF16, and signalling NaNs become quiet: what x86's vcvtph2ps does.
[[nodiscard]] constexpr float fromF16QuietNan(std::uint16_t h) {
  const std::uint32_t quiet = (h & 0x7fffu) > 0x7c00u ? 0x400000u : 0u;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(fromF16(h)) | quiet);
}

[[nodiscard]] constexpr bool isNanBits(std::uint32_t floatBits) { return (floatBits & 0x7fffffffu) > kInfinityBits; }

/// Of floats that are no NaN.
[[nodiscard]] constexpr std::uint16_t roundToBf16(std::uint32_t floatBits) {
  return static_cast<std::uint16_t>((floatBits + 0x7fffu + (floatBits >> 16 & 1u)) >> 16);
}
[[nodiscard]] constexpr std::uint16_t roundToF16(std::uint32_t floatBits) {
  const std::uint32_t sign = floatBits >> 16 & 0x8000u;
  const std::uint32_t magnitude = floatBits & 0x7fffffffu;
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
  if (magnitude < 0x38800000u) {  // subnormal or zero: adding ½ leaves the rounded value in the low bits
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}

/// NaNs become quiet and keep their sign and the upper bits of their payload.
[[nodiscard]] constexpr std::uint16_t toBf16KeepingNan(float f) {
  const auto bits = std::bit_cast<std::uint32_t>(f);
  return isNanBits(bits) ? static_cast<std::uint16_t>(bits >> 16 | 0x40u) : roundToBf16(bits);
}
[[nodiscard]] constexpr std::uint16_t toF16KeepingNan(float f) {
  const auto bits = std::bit_cast<std::uint32_t>(f);
  return isNanBits(bits) ? static_cast<std::uint16_t>((bits >> 16 & 0x8000u) | kNanF16 | (bits >> 13 & 0x3ffu))
                         : roundToF16(bits);
}
/// Every NaN becomes the one of the type.
[[nodiscard]] constexpr std::uint16_t toBf16OneNan(float f) {
  const auto bits = std::bit_cast<std::uint32_t>(f);
  return isNanBits(bits) ? kNanBf16 : roundToBf16(bits);
}
[[nodiscard]] constexpr std::uint16_t toF16OneNan(float f) {
  const auto bits = std::bit_cast<std::uint32_t>(f);
  return isNanBits(bits) ? kNanF16 : roundToF16(bits);
}
/// The bits of an FP32 value, of which every NaN becomes the one.
[[nodiscard]] constexpr std::uint32_t toF32BitsOneNan(float f) {
  const auto bits = std::bit_cast<std::uint32_t>(f);
  return isNanBits(bits) ? kNanBits : bits;
}

}  // namespace deltascope::kernels
