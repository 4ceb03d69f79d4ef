// SPDX-License-Identifier: Apache-2.0
// One value as a format says.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja/characters.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/numbers.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

constexpr std::size_t kMost = 300;

tl::unexpected<Error> unsupported(std::string_view spec) {
  return fail(ErrorCode::Unsupported, "the format \"" + printable(spec, 60) + "\" is not supported");
}

class Reader {
 public:
  explicit Reader(std::string_view text) : m_text(text) {}
  [[nodiscard]] bool atEnd() const { return m_at == m_text.size(); }
  [[nodiscard]] char peek() const { return atEnd() ? '\0' : m_text[m_at]; }
  char next() { return m_text[m_at++]; }
  bool skip(char c) { return peek() == c && !atEnd() && (++m_at, true); }
  [[nodiscard]] std::string_view rest() const { return m_text.substr(m_at); }
  void skipBytes(std::size_t count) { m_at += count; }
  /// False for a number above the limit.
  bool number(std::size_t& value) {
    for (value = 0; peek() >= '0' && peek() <= '9';) {
      value = value * 10 + static_cast<std::size_t>(next() - '0');
      if (value > kMost) return false;
    }
    return true;
  }
  bool precision(std::optional<int>& digits) {
    if (!skip('.')) return true;
    std::size_t value = 0;
    if (!(peek() >= '0' && peek() <= '9') || !number(value)) return false;
    digits = static_cast<int>(value);
    return true;
  }

 private:
  std::string_view m_text;
  std::size_t m_at = 0;
};

bool isAlign(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

std::string grouped(std::string digits, char with) {
  const std::size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t at = end; at > 3; at -= 3) digits.insert(at - 3, 1, with);
  return digits;
}

/// What stands for a number, without its sign.
struct Number {
  bool negative = false;
  std::string prefix, digits;
};

std::string radixDigits(std::uint64_t value, int base, bool upper) {
  char buffer[65];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, base).ptr;
  std::string text(buffer, end);
  if (upper)
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

std::string realDigits(double value, std::chars_format format, int digits) {
  char buffer[1024];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format, digits).ptr;
  return {buffer, end};
}

std::optional<Number> wholeNumber(std::int64_t value, const FormatSpec& spec) {
  Number number{value < 0, {}, {}};
  const char type = spec.type ? spec.type : 'd';
  const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  number.digits = radixDigits(magnitude(value), base, type == 'X');
  if (spec.alternate && base != 10) number.prefix = std::string("0") + type;
  if (spec.percent && spec.digits && number.digits.size() < static_cast<std::size_t>(*spec.digits))
    number.digits.insert(0, static_cast<std::size_t>(*spec.digits) - number.digits.size(), '0');
  return number;
}

std::optional<Number> realNumber(double value, const FormatSpec& spec) {
  if (spec.alternate || (!std::isfinite(value) && (spec.zeros || spec.grouping))) return std::nullopt;
  const char type = spec.type;
  const double size = std::abs(type == '%' ? value * 100 : value);
  Number number{std::signbit(value) && !std::isnan(value), {}, {}};
  const int digits = spec.digits.value_or(6);
  const bool upper = type == 'F' || type == 'E' || type == 'G';
  if (std::isnan(value) || std::isinf(value))
    number.digits = std::isnan(value) ? "nan" : "inf";
  else if (type == 'f' || type == 'F' || type == '%')
    number.digits = formatFixed(size, digits);
  else if (type == 'e' || type == 'E')
    number.digits = realDigits(size, std::chars_format::scientific, digits);
  else if (type == 'g' || type == 'G')
    number.digits = realDigits(size, std::chars_format::general, std::max(digits, 1));
  else if (!spec.digits)
    number.digits = representFloat(size);
  else {
    number.digits = realDigits(size, std::chars_format::general, std::max(digits, 1));
    if (number.digits.find_first_of(".e") == std::string::npos) number.digits += ".0";
  }
  if (type == '%') number.digits += '%';
  if (upper)
    std::ranges::transform(number.digits, number.digits.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return number;
}

void pad(const OriginText& before, const OriginText& text, const FormatSpec& spec, char fallback, TextBuilder& out) {
  const std::size_t n = countCharacters(before.bytes()) + countCharacters(text.bytes());
  const std::size_t missing = spec.width > n ? spec.width - n : 0;
  const char align = spec.align ? spec.align : fallback;
  const std::size_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  const auto fill = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out.add(spec.fill);
  };
  fill(left);
  out.add(before);
  if (align == '=') fill(missing);
  out.add(text);
  if (align != '=') fill(missing - left);
}

Result<void> addNumber(const Number& number, FormatSpec spec, std::string_view shown, TextBuilder& out) {
  if (spec.zeros && spec.grouping) return unsupported(shown);
  std::string before = number.negative ? "-" : spec.sign ? std::string(1, spec.sign) : std::string();
  before += number.prefix;
  std::string digits = spec.grouping ? grouped(number.digits, spec.grouping) : number.digits;
  if (spec.zeros && !spec.align) {
    spec.align = '=';
    spec.fill = "0";
  }
  pad(OriginText(std::move(before), Origin::Template), OriginText(std::move(digits), Origin::Template), spec, '>', out);
  return {};
}

Result<void> addText(const OriginText& text, FormatSpec spec, std::string_view shown, TextBuilder& out) {
  if (spec.align == '=' || spec.sign || spec.grouping || (spec.alternate && !spec.percent)) return unsupported(shown);
  if (spec.zeros && spec.percent) return unsupported(shown);
  if (spec.zeros && spec.fill == " ") spec.fill = "0";
  const OriginText kept =
      spec.digits ? text.slice(0, offsetOfCharacter(text.bytes(), static_cast<std::size_t>(*spec.digits))) : text;
  pad({}, kept, spec, spec.percent ? '>' : '<', out);
  return {};
}

Result<void> addCharacter(const Value& value, const FormatSpec& spec, std::string_view shown, TextBuilder& out) {
  const auto* text = textOf(value);
  if (text && countCharacters(text->bytes()) == 1 && spec.percent) return addText(*text, spec, shown, out);
  const auto whole = integerOf(value);
  if (!whole || spec.digits || *whole < 0 || *whole > 0x10FFFF || (*whole >= 0xD800 && *whole < 0xE000))
    return unsupported(shown);
  std::string character;
  text::appendUtf8(character, static_cast<char32_t>(*whole));
  FormatSpec own = spec;
  if (!own.align && !own.percent) own.align = '>';
  return addText(OriginText(std::move(character), Origin::Template), own, shown, out);
}

}  // namespace

std::optional<FormatSpec> FormatSpec::readBraces(std::string_view text) {
  FormatSpec spec;
  Reader reader(text);
  if (!text.empty()) {
    const std::size_t first = text::utf8At(text, 0).length;
    if (first < text.size() && isAlign(text[first])) {
      spec.fill = text.substr(0, first);
      reader.skipBytes(first);
      spec.align = reader.next();
    } else if (isAlign(text[0])) {
      spec.align = reader.next();
    }
  }
  if (reader.peek() == '+' || reader.peek() == ' ' || reader.peek() == '-') spec.sign = reader.next();
  if (spec.sign == '-') spec.sign = '\0';
  spec.alternate = reader.skip('#');
  spec.zeros = reader.skip('0');
  if (!reader.number(spec.width)) return std::nullopt;
  if (reader.peek() == ',' || reader.peek() == '_') spec.grouping = reader.next();
  if (!reader.precision(spec.digits)) return std::nullopt;
  if (!reader.atEnd()) spec.type = reader.next();
  if (!reader.atEnd()) return std::nullopt;
  return spec;
}

std::optional<FormatSpec> FormatSpec::readPercent(std::string_view text) {
  FormatSpec spec;
  spec.percent = true;
  Reader reader(text);
  for (bool flags = true; flags;) {
    switch (reader.peek()) {
      case '-':
        spec.align = '<';
        break;
      case '+':
        spec.sign = '+';
        break;
      case ' ':
        if (!spec.sign) spec.sign = ' ';
        break;
      case '#':
        spec.alternate = true;
        break;
      case '0':
        spec.zeros = true;
        break;
      default:
        flags = false;
    }
    if (flags) reader.skipBytes(1);
  }
  if (!reader.number(spec.width) || !reader.precision(spec.digits) || reader.atEnd()) return std::nullopt;
  spec.type = reader.next();
  if (!reader.atEnd()) return std::nullopt;
  return spec;
}

Result<void> addFormatted(const Value& value, const FormatSpec& spec, std::string_view shown, TextBuilder& out) {
  constexpr std::string_view kWhole = "dixXob", kReal = "fFeEgG%";
  const bool asText = spec.type == 's' || (spec.percent && spec.type == 'r');
  if (is<Undefined>(value) && !asText) return undefinedError(value);
  const bool isText = is<StringRef>(value);
  if (asText || (!spec.type && isText)) {
    if (!spec.percent && !isText)
      return typeError("the format " + printable(shown, 60) + " is not for a value of type " + std::string(typeName(value)));
    TextBuilder text(out.budget());
    if (spec.type == 'r')
      represent(value, text);
    else
      show(value, text);
    FormatSpec own = spec;
    if (own.percent) own.sign = '\0', own.zeros = false;
    return addText(text.take(), own, shown, out);
  }
  if (spec.type == 'c') return addCharacter(value, spec, shown, out);
  const auto real = numberOf(value);
  auto whole = integerOf(value);
  if (!real) return typeError("the format " + printable(shown, 60) + " needs a number, not " + std::string(typeName(value)));
  const bool wantsWhole = spec.type ? kWhole.find(spec.type) != std::string_view::npos : whole.has_value();
  const bool wantsReal =
      spec.type ? kReal.find(spec.type) != std::string_view::npos && !(spec.percent && spec.type == '%') : !whole.has_value();
  if (!wantsWhole && !wantsReal) return unsupported(shown);
  if (spec.percent && (spec.type == 'b' || spec.grouping)) return unsupported(shown);
  if (wantsWhole && !spec.percent && (spec.type == 'i' || !whole || spec.digits)) return unsupported(shown);
  if (wantsWhole && !whole) {
    if (spec.type != 'd' && spec.type != 'i')
      return typeError("the format " + printable(shown, 60) + " needs an int, not a float");
    DELTASCOPE_ASSIGN(whole, truncated(*real));
  }
  if (wantsWhole && spec.grouping == ',' && spec.type && spec.type != 'd') return unsupported(shown);
  if (wantsWhole && spec.grouping == '_' && spec.type && spec.type != 'd') return unsupported(shown);
  const auto number = wantsWhole ? wholeNumber(*whole, spec) : realNumber(*real, spec);
  if (!number) return unsupported(shown);
  return addNumber(*number, spec, shown, out);
}

}  // namespace deltascope::jinja
