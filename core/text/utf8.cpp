// SPDX-License-Identifier: Apache-2.0
#include "core/text/utf8.h"

#include <utf8proc.h>

#include <algorithm>

namespace deltascope::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

int category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
bool within(int category, int first, int last) { return category >= first && category <= last; }

}  // namespace

Utf8Step utf8At(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {Utf8Kind::Valid, 1, lead};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8Kind::Invalid, 1, 0};
  const unsigned length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t c = lead & (0xFFu >> (length + 1));
  for (unsigned i = 1; i < length; ++i) {
    if (at + i >= text.size()) return {Utf8Kind::Incomplete, i, 0};
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if (byte < low || byte > high) return {Utf8Kind::Invalid, i, 0};
    c = c << 6 | (byte & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Kind::Valid, length, c};
}

void appendUtf8(std::string& text, char32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

std::optional<std::size_t> firstNotUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Step step = utf8At(text, at);
    if (step.kind != Utf8Kind::Valid) return at;
    at += step.length;
  }
  return std::nullopt;
}

std::size_t appendLossy(std::string& text, std::string_view bytes, bool final) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const Utf8Step step = utf8At(bytes, at);
    if (step.kind == Utf8Kind::Incomplete && !final) break;
    text += step.kind == Utf8Kind::Valid ? bytes.substr(at, step.length) : kReplacement;
    at += step.length;
  }
  return at;
}

bool isAscii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

bool isWhitespace(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x85 || (c >= 0x20 && within(category(c), UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP));
}

bool isNumeric(char32_t c) { return within(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO); }

bool isPunctuation(char32_t c) {
  if (c < 0x80) return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  return within(category(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO);
}

bool isMark(char32_t c) { return within(category(c), UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME); }

bool isWord(char32_t c) {
  const int k = category(c);
  if (within(k, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC) return true;
  // Alphabetic among symbols: circled and squared letters. Then the two joiners.
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189) || c == 0x200C || c == 0x200D;
}

}  // namespace deltascope::text
