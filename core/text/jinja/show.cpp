// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/show.h"

#include <charconv>
#include <cmath>

#include "core/text/jinja/characters.h"

namespace deltascope::jinja {
namespace {

std::string escaped(char32_t c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const unsigned digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  std::string text = digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (unsigned i = digits; i-- > 0;) text += kDigits[c >> (4 * i) & 15];
  return text;
}

void representText(const OriginText& text, TextBuilder& out) {
  const auto& bytes = text.bytes();
  const bool twice = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos;
  const char quote = twice ? '"' : '\'';
  out.add({&quote, 1});
  forEachCharacter(bytes, [&](std::size_t begin, std::size_t end, char32_t c) {
    if (c == static_cast<char32_t>(quote) || c == '\\')
      out.add("\\"), out.add(text, begin, end);
    else if (c == '\n' || c == '\r' || c == '\t')
      out.add(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", text.originAt(begin));
    else if (isPrintable(c))
      out.add(text, begin, end);
    else
      out.add(escaped(c), text.originAt(begin));
  });
  out.add({&quote, 1});
}

void representItems(const std::vector<Value>& items, TextBuilder& out) {
  bool first = true;
  for (const Value& item : items) {
    if (out.full()) return;
    if (!std::exchange(first, false)) out.add(", ");
    represent(item, out);
  }
}

void representSequence(const Sequence& s, TextBuilder& out) {
  const auto around = [&](std::string_view open, std::string_view close) {
    out.add(open);
    representItems(s.items, out);
    out.add(close);
  };
  switch (s.kind) {
    case SequenceKind::List:
      return around("[", "]");
    case SequenceKind::Tuple:
      return around("(", s.items.size() == 1 ? ",)" : ")");
    case SequenceKind::Keys:
      return around("dict_keys([", "])");
    case SequenceKind::Values:
      return around("dict_values([", "])");
    case SequenceKind::Items:
      return around("dict_items([", "])");
    case SequenceKind::Iterator:
      return out.add("<generator object>");
    case SequenceKind::Range: {
      out.add("range(" + std::to_string(s.range[0]) + ", " + std::to_string(s.range[1]));
      if (s.range[2] != 1) out.add(", " + std::to_string(s.range[2]));
      return out.add(")");
    }
  }
}

void representDict(const Dict& dict, TextBuilder& out) {
  out.add("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries) {
    if (out.full()) return;
    if (!std::exchange(first, false)) out.add(", ");
    represent(key, out);
    out.add(": ");
    represent(value, out);
  }
  out.add("}");
}

}  // namespace

std::string representFloat(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  std::string sign = text.starts_with('-') ? "-" : "";
  text.remove_prefix(sign.size());
  const auto e = text.find('e');
  int exponent = 0;
  const auto* from = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(from, text.data() + text.size(), exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  const auto n = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {  // as Python's repr
    if (n > 1) digits.insert(1, ".");
    const int size = std::abs(exponent);
    return sign + digits + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + std::to_string(size);
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (n <= exponent + 1) return sign + digits + std::string(static_cast<std::size_t>(exponent + 1 - n), '0') + ".0";
  digits.insert(static_cast<std::size_t>(exponent + 1), ".");
  return sign + digits;
}

void represent(const Value& value, TextBuilder& out) {
  if (!out.budget().spend(1)) return;
  if (const auto* text = textOf(value)) return representText(*text, out);
  if (const auto* sequence = sequenceOf(value)) return representSequence(*sequence, out);
  if (const auto* dict = dictOf(value)) return representDict(*dict, out);
  if (is<Undefined>(value)) return out.add("Undefined");
  if (is<None>(value)) return out.add("None");
  if (const auto* flag = std::get_if<bool>(&value)) return out.add(*flag ? "True" : "False");
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return out.add(std::to_string(*whole));
  if (const auto* real = std::get_if<double>(&value)) return out.add(representFloat(*real));
  out.add("<" + std::string(typeName(value)) + " object>");
}

void show(const Value& value, TextBuilder& out) {
  if (const auto* text = textOf(value))
    out.add(*text);
  else if (!is<Undefined>(value))
    represent(value, out);
}

Value toText(const Value& value, Budget& budget) {
  if (is<StringRef>(value)) return value;
  TextBuilder out(budget);
  show(value, out);
  return out.finish();
}

}  // namespace deltascope::jinja
