// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Values as text: Python's str() and repr(), and json.dumps as transformers calls it. Strings keep their origin; what is
/// written around them counts as the template's.
#include <optional>
#include <string>

#include "core/text/jinja/value.h"

namespace deltascope::jinja {

void show(const Value& value, TextBuilder& out);                 ///< str()
void represent(const Value& value, TextBuilder& out);            ///< repr()
[[nodiscard]] Value toText(const Value& value, Budget& budget);  ///< str() as a value; a string is itself
[[nodiscard]] std::string representFloat(double number);

struct JsonStyle {
  bool ensureAscii = false;
  bool sortKeys = false;
  std::optional<OriginText> indent;  ///< what one level is indented by; one line when absent
  OriginText itemSeparator;
  OriginText keySeparator;
};
/// A value that is not JSON is Corrupt.
[[nodiscard]] Result<void> dumpJson(const Value& value, const JsonStyle& style, TextBuilder& out);

}  // namespace deltascope::jinja
