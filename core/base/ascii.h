// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Letters of names and units, whatever the locale.
#include <algorithm>
#include <string>
#include <string_view>

namespace deltascope {

[[nodiscard]] constexpr char asciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

[[nodiscard]] inline std::string asciiLower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return asciiLower(c); });
  return lower;
}

}  // namespace deltascope
