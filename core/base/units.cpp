// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <charconv>
#include <cmath>
#include <fstream>

#include "core/base/ascii.h"

namespace deltascope {
namespace {

struct Unit {
  std::string_view name;  // lower case
  std::uint64_t bytes;
};
constexpr std::array<Unit, 10> kUnits{{{"", 1},
                                       {"b", 1},
                                       {"kib", 1ull << 10},
                                       {"mib", 1ull << 20},
                                       {"gib", 1ull << 30},
                                       {"tib", 1ull << 40},
                                       {"kb", 1'000},
                                       {"mb", 1'000'000},
                                       {"gb", 1'000'000'000},
                                       {"tb", 1'000'000'000'000}}};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> unitOf(std::string_view text) {
  const std::string lower = asciiLower(text);
  for (const auto& unit : kUnits)
    if (unit.name == lower) return unit.bytes;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parseSize(std::string_view text) {
  text = trim(text);
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = text.substr(0, digits);
  const auto unit = unitOf(trim(text.substr(digits)));
  if (!unit || number.empty() || number.front() == '.' || number.back() == '.') return std::nullopt;
  const char* const end = number.data() + number.size();
  if (number.find('.') == std::string_view::npos) {
    std::uint64_t whole = 0;
    if (auto [at, error] = std::from_chars(number.data(), end, whole); error != std::errc() || at != end) return std::nullopt;
    return checkedMul(whole, *unit);
  }
  double value = 0;
  if (auto [at, error] = std::from_chars(number.data(), end, value, std::chars_format::fixed);
      error != std::errc() || at != end)
    return std::nullopt;
  value *= static_cast<double>(*unit);
  if (!(value < 0x1p64)) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::string formatGib(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  const char* unit = "KiB";
  // 1023.995 would print as 1024.00
  for (const char* larger : {"MiB", "GiB"}) {
    if (value < 1023.995) break;
    value /= 1024;
    unit = larger;
  }
  return fmt::format("{:.2f} {}", value, unit);
}

std::string formatRate(double bytesPerSecond) {
  if (!(bytesPerSecond > 0) || std::isinf(bytesPerSecond)) return "0 B/s";
  if (bytesPerSecond >= 999.5e6) return fmt::format("{:.2f} GB/s", bytesPerSecond / 1e9);
  if (bytesPerSecond >= 9.95e6) return fmt::format("{:.0f} MB/s", bytesPerSecond / 1e6);
  if (bytesPerSecond >= 999.5e3) return fmt::format("{:.1f} MB/s", bytesPerSecond / 1e6);
  if (bytesPerSecond >= 999.5) return fmt::format("{:.0f} kB/s", bytesPerSecond / 1e3);
  return fmt::format("{:.0f} B/s", bytesPerSecond);
}

std::string formatDuration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e15) return "–";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string formatCount(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view more) {
  std::string text = formatCount(n) + " ";
  if (n == 1 || more.empty()) return text.append(one).append(n == 1 ? "" : "s");
  return text.append(more);
}

ResidentMemory residentMemory() {
  ResidentMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const bool current = line.starts_with("VmRSS:");
    if (!current && !line.starts_with("VmHWM:")) continue;
    std::uint64_t kibibytes = 0;
    const auto first = std::min(line.find_first_of("0123456789"), line.size());
    std::from_chars(line.data() + first, line.data() + line.size(), kibibytes);
    (current ? memory.current : memory.peak) = kibibytes * 1024;
  }
  return memory;
}

}  // namespace deltascope
