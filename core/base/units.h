// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sizes and times as users write and read them, and checked arithmetic for sizes that came from a file.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deltascope {

/// "5.3GiB", "512 MiB", "2GB", "4096": bytes. Empty for anything else, negative sizes and overflow.
[[nodiscard]] std::optional<std::uint64_t> parseSize(std::string_view text);
[[nodiscard]] std::string formatGib(std::uint64_t bytes);     ///< "1.24 GiB"; two decimals, MiB and KiB below
[[nodiscard]] std::string formatRate(double bytesPerSecond);  ///< "118 MB/s", "2.10 GB/s"
[[nodiscard]] std::string formatDuration(double seconds);     ///< "0:42", "1:02:03"
[[nodiscard]] std::string formatCount(std::uint64_t n);       ///< "4,194,304"
/// "1 result", "4 results", "1,234 matrices": without `more`, of nouns that take an s.
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view one, std::string_view more = {});

/// Product and sum that are empty when they do not fit 64 bits.
[[nodiscard]] inline std::optional<std::uint64_t> checkedMul(std::uint64_t a, std::uint64_t b) {
  std::uint64_t r = 0;
  return __builtin_mul_overflow(a, b, &r) ? std::nullopt : std::optional(r);
}
[[nodiscard]] inline std::optional<std::uint64_t> checkedAdd(std::uint64_t a, std::uint64_t b) {
  std::uint64_t r = 0;
  return __builtin_add_overflow(a, b, &r) ? std::nullopt : std::optional(r);
}
[[nodiscard]] constexpr std::uint64_t ceilDiv(std::uint64_t a, std::uint64_t b) { return a / b + (a % b != 0); }
[[nodiscard]] constexpr std::uint64_t roundUp(std::uint64_t a, std::uint64_t to) { return ceilDiv(a, to) * to; }

/// Bytes this process has resident now, and at most since its start (Linux: /proc/self/status, VmRSS and VmHWM).
struct ResidentMemory {
  std::uint64_t current = 0, peak = 0;
};
[[nodiscard]] ResidentMemory residentMemory();

}  // namespace deltascope
