// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the two ways to format share.
#include <optional>
#include <string>
#include <string_view>

#include "core/text/jinja/builtins.h"

namespace deltascope::jinja {

/// How one value is written: Python's format specification, or what stands between a % and its letter.
struct FormatSpec {
  std::string fill = " ";     ///< one character
  char align = '\0';          ///< < > ^ = or none
  char sign = '\0';           ///< + or a space: before what is not negative
  bool alternate = false;     ///< 0x before hexadecimal digits …
  bool zeros = false;         ///< zeros between the sign and the digits
  std::size_t width = 0;      ///< at least so many characters
  char grouping = '\0';       ///< , or _ between thousands
  std::optional<int> digits;  ///< precision
  char type = '\0';
  bool percent = false;  ///< written with a %
  /// Nothing where it is of another form, or wider than 300.
  static std::optional<FormatSpec> readBraces(std::string_view text);
  static std::optional<FormatSpec> readPercent(std::string_view text);
};

/// `shown`: the format as it is written, for messages.
[[nodiscard]] Result<void> addFormatted(const Value& value, const FormatSpec& spec, std::string_view shown, TextBuilder& out);
/// "{}".format(…)
[[nodiscard]] Result<Value> formatBraces(const OriginText& format, const Arguments& args, Budget& budget);

}  // namespace deltascope::jinja
