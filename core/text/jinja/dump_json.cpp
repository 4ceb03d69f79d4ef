// SPDX-License-Identifier: Apache-2.0
// json.dumps of Python.
#include <algorithm>
#include <cmath>

#include "core/text/jinja/characters.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

std::string unicodeEscape(char32_t unit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\\u";
  for (unsigned i = 4; i-- > 0;) text += kDigits[unit >> (4 * i) & 15];
  return text;
}

std::string escape(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  if (c < 0x10000) return unicodeEscape(c);
  return unicodeEscape(0xD800 + ((c - 0x10000) >> 10)) + unicodeEscape(0xDC00 + ((c - 0x10000) & 0x3FF));
}

class Dumper {
 public:
  Dumper(const JsonStyle& style, TextBuilder& out) : m_style(style), m_out(out) {}

  Result<void> dump(const Value& value, std::size_t level) {
    if (!m_out.budget().spend(1)) return {};
    if (const auto* text = textOf(value)) return string(*text), Result<void>();
    if (const auto* list = listOf(value)) return this->list(*list, level);
    if (const auto* dict = dictOf(value)) return this->dict(*dict, level);
    const std::string word = scalar(value);
    if (word.empty()) return typeError("a value of type " + std::string(typeName(value)) + " cannot be written as JSON");
    m_out.add(word);
    return {};
  }

 private:
  static std::string scalar(const Value& value) {
    if (is<None>(value)) return "null";
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
    const auto* real = std::get_if<double>(&value);
    if (!real) return {};
    if (std::isnan(*real)) return "NaN";
    if (std::isinf(*real)) return *real < 0 ? "-Infinity" : "Infinity";
    return representFloat(*real);
  }

  void string(const OriginText& text) {
    m_out.add("\"");
    std::size_t plain = 0;  // from here on nothing was written yet
    forEachCharacter(text.bytes(), [&](std::size_t begin, std::size_t end, char32_t c) {
      if (c != '"' && c != '\\' && c >= 0x20 && (c < 0x7F || !m_style.ensureAscii)) return;
      m_out.add(text, plain, begin);
      m_out.add(escape(c), text.originAt(begin));
      plain = end;
    });
    m_out.add(text, plain, text.size());
    m_out.add("\"");
  }

  void newLine(std::size_t level) {
    if (!m_style.indent) return;
    m_out.add("\n");
    for (std::size_t i = 0; i < level && !m_out.full(); ++i) m_out.add(*m_style.indent);
  }

  Result<void> list(const Sequence& list, std::size_t level) {
    if (list.items.empty()) return m_out.add("[]"), Result<void>();
    m_out.add("[");
    for (std::size_t i = 0; i < list.items.size() && !m_out.full(); ++i) {
      if (i > 0) m_out.add(m_style.itemSeparator);
      newLine(level + 1);
      DELTASCOPE_TRY(dump(list.items[i], level + 1));
    }
    newLine(level);
    m_out.add("]");
    return {};
  }

  Result<void> dict(const Dict& dict, std::size_t level) {
    if (dict.entries.empty()) return m_out.add("{}"), Result<void>();
    std::vector<const Dict::Entry*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (m_style.sortKeys) DELTASCOPE_TRY(sort(entries));
    m_out.add("{");
    bool first = true;
    for (const auto* entry : entries) {
      if (m_out.full()) break;
      if (!std::exchange(first, false)) m_out.add(m_style.itemSeparator);
      newLine(level + 1);
      DELTASCOPE_TRY(key(entry->first));
      m_out.add(m_style.keySeparator);
      DELTASCOPE_TRY(dump(entry->second, level + 1));
    }
    newLine(level);
    m_out.add("}");
    return {};
  }

  Result<void> key(const Value& key) {
    if (const auto* text = textOf(key)) return string(*text), Result<void>();
    const std::string word = scalar(key);
    if (word.empty()) return typeError("a key of type " + std::string(typeName(key)) + " cannot be written as JSON");
    m_out.add("\"" + word + "\"");
    return {};
  }

  Result<void> sort(std::vector<const Dict::Entry*>& entries) {
    Result<void> outcome;
    m_out.budget().spend(entries.size());
    std::stable_sort(entries.begin(), entries.end(), [&](const Dict::Entry* a, const Dict::Entry* b) {
      const auto less = lessThan(a->first, b->first, m_out.budget());
      if (!less) outcome = tl::make_unexpected(less.error());
      return less.value_or(false);
    });
    return outcome;
  }

  const JsonStyle& m_style;
  TextBuilder& m_out;
};

}  // namespace

Result<void> dumpJson(const Value& value, const JsonStyle& style, TextBuilder& out) {
  return Dumper(style, out).dump(value, 0);
}

}  // namespace deltascope::jinja
