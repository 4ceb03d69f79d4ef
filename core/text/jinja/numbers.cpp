// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/numbers.h"

#include <charconv>
#include <cmath>

#include "core/text/jinja/characters.h"

namespace deltascope::jinja {
namespace {

bool isAlnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Without white space, '+' and the underscores that stand between digits; nothing where one stands elsewhere.
std::optional<std::string> plainNumber(std::string_view text) {
  const Bounds bounds = stripped(text, true, true);
  text = text.substr(bounds.begin, bounds.end - bounds.begin);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_')
      plain += text[i];
    else if (i == 0 || i + 1 == text.size() || !isAlnum(text[i - 1]) || !isAlnum(text[i + 1]))
      return std::nullopt;
  }
  return plain;
}

}  // namespace

tl::unexpected<Error> beyond64Bits() {
  return fail(ErrorCode::Unsupported, "the template computes with an integer beyond 64 bits, which is not supported");
}

std::optional<double> parseFloat(std::string_view text) {
  const auto plain = plainNumber(text);
  if (!plain || plain->empty()) return std::nullopt;
  double number = 0;
  const char* last = plain->data() + plain->size();
  const auto [end, error] = std::from_chars(plain->data(), last, number);
  if (end != last || error == std::errc::invalid_argument || plain->find('(') != std::string::npos) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // too large or too small, which the exponent's sign tells
    const auto e = plain->find_first_of("eE");
    const bool tiny = e != std::string::npos && plain->find('-', e) != std::string::npos;
    return std::copysign(tiny ? 0.0 : HUGE_VAL, plain->starts_with('-') ? -1.0 : 1.0);
  }
  return number;
}

Result<std::optional<std::int64_t>> parseInteger(std::string_view text, int base) {
  auto plain = plainNumber(text);
  if (!plain) return std::nullopt;
  const bool negative = plain->starts_with('-');
  if (base == 16 || base == 8 || base == 2) {
    const std::string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : "0b";
    const std::size_t at = negative ? 1 : 0;
    if (plain->size() > at + 1 && (*plain)[at] == '0' && ((*plain)[at + 1] | 0x20) == prefix[1]) plain->erase(at, 2);
  }
  std::int64_t number = 0;
  const char* last = plain->data() + plain->size();
  const auto [end, error] = std::from_chars(plain->data(), last, number, base);
  if (end != last || plain->empty() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) return beyond64Bits();
  return number;
}

Result<std::int64_t> truncated(double number) {
  if (std::isnan(number) || std::isinf(number)) return fail(ErrorCode::Corrupt, "cannot convert inf or nan to an int");
  const double whole = std::trunc(number);
  if (std::abs(whole) >= 0x1p63) return beyond64Bits();
  return static_cast<std::int64_t>(whole);
}

std::string formatFixed(double number, int digits) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::string text(static_cast<std::size_t>(digits) + 320, '\0');
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed, digits).ptr;
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

double rounded(double number, int digits) {
  if (!std::isfinite(number) || digits > 22) return number;
  return parseFloat(formatFixed(number, digits)).value_or(number);
}

}  // namespace deltascope::jinja
