// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/string_literal.h"

#include <charconv>

#include "core/text/utf8.h"

namespace deltascope::jinja {
namespace {

// The character that `digits` names in the given base; nothing is left over.
Result<void> appendNumbered(std::string& out, std::string_view digits, std::size_t expected, int base) {
  std::uint32_t c = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), c, base);
  if (digits.size() < expected || error != std::errc() || end != digits.data() + digits.size() || c > 0x10FFFF)
    return fail(ErrorCode::Corrupt, "a string has a malformed escape");
  if (c >= 0xD800 && c <= 0xDFFF)
    return fail(ErrorCode::Unsupported, "a string has half a surrogate pair, which is not supported");
  text::appendUtf8(out, c);
  return {};
}

}  // namespace

Result<std::string> unescape(std::string_view inside) {
  constexpr std::string_view kLetters = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  for (std::size_t at = 0; at < inside.size(); ++at) {
    if (inside[at] != '\\') {
      out += inside[at];
      continue;
    }
    if (++at == inside.size()) return fail(ErrorCode::Corrupt, "a string ends in a backslash");
    const char c = inside[at];
    if (const auto known = kLetters.find(c); known != std::string_view::npos) {
      out += kMeanings[known];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      DELTASCOPE_TRY(appendNumbered(out, inside.substr(at + 1, digits), digits, 16));
      at += digits;
    } else if (c >= '0' && c <= '7') {
      std::size_t digits = 1;
      while (digits < 3 && at + digits < inside.size() && inside[at + digits] >= '0' && inside[at + digits] <= '7') ++digits;
      DELTASCOPE_TRY(appendNumbered(out, inside.substr(at, digits), digits, 8));
      at += digits - 1;
    } else if (c == 'N') {
      return fail(ErrorCode::Unsupported, "a string names a character (\\N{…}), which is not supported");
    } else if (c != '\n') {  // an escaped end of line is nothing, any other escape is itself
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace deltascope::jinja
