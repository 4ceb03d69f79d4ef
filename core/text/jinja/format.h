// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the two ways to format share.
#include <optional>
#include <string_view>

#include "core/text/jinja/builtins.h"

namespace deltascope::jinja {

/// [0][width][.digits]type
struct FormatSpec {
  bool zeros = false;
  std::size_t width = 0;
  std::optional<int> digits;
  char type = '\0';
  static std::optional<FormatSpec> read(std::string_view text);  ///< nothing where it is of another form or too wide
};

/// `shown`: the format as it is written, for messages.
[[nodiscard]] Result<void> addFormatted(const Value& value, const FormatSpec& spec, std::string_view shown, TextBuilder& out);
/// "{}".format(…)
[[nodiscard]] Result<Value> formatBraces(const OriginText& format, const Arguments& args, Budget& budget);

}  // namespace deltascope::jinja
