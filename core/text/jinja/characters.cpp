// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/characters.h"

#include <utf8proc.h>

#include <algorithm>

namespace deltascope::jinja {
namespace {

int category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
char32_t mapped(char32_t c, utf8proc_int32_t (*map)(utf8proc_int32_t)) {
  return static_cast<char32_t>(map(static_cast<utf8proc_int32_t>(c)));
}

std::string one(char32_t c) {
  std::string text;
  text::appendUtf8(text, c);
  return text;
}

bool startsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

template <class IsStripped>
Bounds strip(std::string_view text, bool left, bool right, IsStripped isStripped) {
  Bounds kept{0, text.size()};
  while (left && kept.begin < kept.end) {
    const auto step = text::utf8At(text, kept.begin);
    if (!isStripped(step.c)) break;
    kept.begin += step.length;
  }
  while (right && kept.end > kept.begin) {
    std::size_t last = kept.end - 1;
    while (last > kept.begin && !startsCharacter(text[last])) --last;
    if (!isStripped(text::utf8At(text, last).c)) break;
    kept.end = last;
  }
  return kept;
}

}  // namespace

std::size_t countCharacters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), startsCharacter));
}

std::size_t offsetOfCharacter(std::string_view text, std::size_t index) {
  for (std::size_t at = 0; at < text.size(); ++at)
    if (startsCharacter(text[at]) && index-- == 0) return at;
  return text.size();
}

bool isSpace(char32_t c) { return (c >= 0x1C && c <= 0x1F) || text::isWhitespace(c); }

bool isPrintable(char32_t c) {
  if (c == ' ') return true;
  const int k = category(c);
  return k != UTF8PROC_CATEGORY_CN && (k < UTF8PROC_CATEGORY_ZS || k > UTF8PROC_CATEGORY_CO);
}

bool isAlpha(char32_t c) {
  const int k = category(c);
  return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}
bool isDecimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool isUpper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool isLower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL; }
bool isTitle(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

std::string toUpper(char32_t c) { return c == 0xDF ? "SS" : one(mapped(c, utf8proc_toupper)); }
std::string toTitle(char32_t c) { return c == 0xDF ? "Ss" : one(mapped(c, utf8proc_totitle)); }
std::string toLower(char32_t c) { return c == 0x130 ? "i\xCC\x87" : one(mapped(c, utf8proc_tolower)); }

Bounds stripped(std::string_view text, bool left, bool right) { return strip(text, left, right, isSpace); }

Bounds stripped(std::string_view text, bool left, bool right, std::string_view chars) {
  std::u32string set;
  forEachCharacter(chars, [&set](std::size_t, std::size_t, char32_t c) { set += c; });
  return strip(text, left, right, [&set](char32_t c) { return set.find(c) != std::u32string::npos; });
}

}  // namespace deltascope::jinja
