// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Floats as integers that order as the floats do: `b` when the sign is clear, `-1 - (b & mask)` when it is set. A bijection
/// over all bit patterns, −0 and NaN payloads included; neighbours differ by one, −0 and +0 too.
#include <cstdint>

namespace deltascope::kernels {

[[nodiscard]] constexpr std::uint16_t toOrdered16(std::uint16_t b) {
  return static_cast<std::uint16_t>(b ^ (b >> 15) * 0x7fffu);
}
[[nodiscard]] constexpr std::uint16_t fromOrdered16(std::uint16_t i) { return toOrdered16(i); }  // its own inverse
[[nodiscard]] constexpr std::uint32_t toOrdered32(std::uint32_t b) { return b & 0x80000000u ? ~(b & 0x7fffffffu) : b; }
[[nodiscard]] constexpr std::uint32_t fromOrdered32(std::uint32_t i) {
  return i & 0x80000000u ? 0x80000000u | (~i & 0x7fffffffu) : i;
}

}  // namespace deltascope::kernels
