// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fields of CSV files, by RFC 4180.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

/// Quoted where it holds a comma, quote or line break, quotes doubled. What else could give orders to a terminal is written as
/// \xNN.
[[nodiscard]] inline std::string csvField(std::string_view text) {
  constexpr std::string_view kBreaks = "\t\r\n";
  std::string plain;
  for (;;) {
    const auto end = std::min(text.find_first_of(kBreaks), text.size());
    plain += printable(text.substr(0, end), std::numeric_limits<std::size_t>::max());
    if (end == text.size()) break;
    plain += text[end];
    text.remove_prefix(end + 1);
  }
  if (plain.find_first_of(",\"\r\n") == std::string::npos) return plain;
  std::string quoted = "\"";
  for (const char c : plain) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace deltascope
