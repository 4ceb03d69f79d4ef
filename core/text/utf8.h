// SPDX-License-Identifier: Apache-2.0
#pragma once
/// UTF-8 one code point at a time (the Unicode standard, table 3-7), and the character properties that tokenizers ask for.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace deltascope::text {

enum class Utf8Kind { Valid, Invalid, Incomplete };

/// What stands at one offset. Invalid and Incomplete span a maximal subpart, which decoders replace by one U+FFFD; Incomplete
/// is cut off by the end of the text.
struct Utf8Step {
  Utf8Kind kind = Utf8Kind::Valid;
  unsigned length = 1;  ///< bytes, at least 1
  char32_t c = 0;       ///< meaningful when Valid
};

[[nodiscard]] Utf8Step utf8At(std::string_view text, std::size_t at);  ///< `at` < text.size()
void appendUtf8(std::string& text, char32_t c);

/// Offset of the first byte that is not UTF-8, or nothing.
[[nodiscard]] std::optional<std::size_t> firstNotUtf8(std::string_view text);

/// Appends `bytes` with U+FFFD for what is not UTF-8. Unless `final`, leaves out a cut-off character at the end. Returns the
/// number of bytes used.
std::size_t appendLossy(std::string& text, std::string_view bytes, bool final);

[[nodiscard]] bool isAscii(std::string_view text);
[[nodiscard]] bool isWhitespace(char32_t c);   ///< White_Space
[[nodiscard]] bool isNumeric(char32_t c);      ///< Nd, Nl, No
[[nodiscard]] bool isPunctuation(char32_t c);  ///< ASCII punctuation and symbols, and P*
[[nodiscard]] bool isMark(char32_t c);         ///< Mn, Mc, Me
[[nodiscard]] bool isWord(char32_t c);         ///< \w of UTS 18: Alphabetic, M, Nd, Pc, Join_Control

}  // namespace deltascope::text
