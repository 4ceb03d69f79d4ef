// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Characters of valid UTF-8 as Python's str sees them: counted, classified, mapped to another case.
#include <cstddef>
#include <string>
#include <string_view>

#include "core/text/utf8.h"

namespace deltascope::jinja {

[[nodiscard]] std::size_t countCharacters(std::string_view text);
/// The byte offset of the character with this index; the size of the text beyond its end.
[[nodiscard]] std::size_t offsetOfCharacter(std::string_view text, std::size_t index);

[[nodiscard]] bool isSpace(char32_t c);      ///< str.isspace
[[nodiscard]] bool isPrintable(char32_t c);  ///< str.isprintable
[[nodiscard]] bool isAlpha(char32_t c);
[[nodiscard]] bool isDecimal(char32_t c);
[[nodiscard]] bool isUpper(char32_t c);
[[nodiscard]] bool isLower(char32_t c);
[[nodiscard]] bool isTitle(char32_t c);

[[nodiscard]] std::string toUpper(char32_t c);  ///< the full mapping: "ß" to "SS"
[[nodiscard]] std::string toTitle(char32_t c);
[[nodiscard]] std::string toLower(char32_t c);

/// Bounds of what is left without white space at the ends.
struct Bounds {
  std::size_t begin = 0, end = 0;
};
[[nodiscard]] Bounds stripped(std::string_view text, bool left, bool right);
/// The same for any of the characters in `chars`.
[[nodiscard]] Bounds stripped(std::string_view text, bool left, bool right, std::string_view chars);

template <class F>
void forEachCharacter(std::string_view text, F&& f) {
  for (std::size_t at = 0; at < text.size();) {
    const auto step = text::utf8At(text, at);
    f(at, at + step.length, step.c);
    at += step.length;
  }
}

}  // namespace deltascope::jinja
