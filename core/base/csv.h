// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fields of CSV files, by RFC 4180.
#include <string>
#include <string_view>

namespace deltascope {

/// Quoted where it holds a comma, quote or line break, quotes doubled.
[[nodiscard]] inline std::string csvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace deltascope
