// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/lexer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja/characters.h"
#include "core/text/jinja/string_literal.h"

namespace deltascope::jinja {
namespace {

using text::utf8At;

constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                           "]",  "(",  ")",  "{",  "}",  "=",  "<", ">", ".", ":", "|", ",", ";"};
constexpr std::size_t kMostBrackets = 1000;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// Lines end in \n, and the last line's end is dropped.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::filesystem::path& file) : m_file(file), m_in(normalized(source)) {}

  Result<std::vector<Token>> run() {
    while (m_at < m_in.size()) DELTASCOPE_TRY(textAndTag());
    m_tokens.push_back({TokenKind::End, m_line, {}, 0, 0});
    return std::move(m_tokens);
  }

 private:
  bool follows(std::string_view word, std::size_t ahead = 0) const {
    return m_at + ahead <= m_in.size() && std::string_view(m_in).substr(m_at + ahead).starts_with(word);
  }
  char peek(std::size_t ahead = 0) const { return m_at + ahead < m_in.size() ? m_in[m_at + ahead] : '\0'; }

  void skip(std::size_t n) {
    m_line +=
        static_cast<unsigned>(std::count(m_in.begin() + std::ptrdiff_t(m_at), m_in.begin() + std::ptrdiff_t(m_at + n), '\n'));
    m_at += n;
  }
  void skipSpace() {
    while (m_at < m_in.size()) {
      const auto step = utf8At(m_in, m_at);
      if (!isSpace(step.c)) return;
      skip(step.length);
    }
  }

  void add(TokenKind kind, std::string text = {}) { m_tokens.push_back({kind, m_line, std::move(text), 0, 0}); }
  tl::unexpected<Error> refuse(std::string_view what, ErrorCode code = ErrorCode::Corrupt) const {
    return failAt(m_file, m_line, what, code);
  }

  /// The text up to `end`, as the sign after the tag's brace wants it.
  void addText(std::size_t end, char sign, bool isPrint) {
    const std::string_view text = std::string_view(m_in).substr(m_at, end - m_at);
    std::size_t kept = text.size();
    if (sign == '-') {
      kept = stripped(text, false, true).end;
    } else if (sign != '+' && !isPrint) {
      const std::size_t line = text.rfind('\n') + 1;  // 0 where there is none
      const bool atLineStart = line > 0 || m_at == 0 || m_in[m_at - 1] == '\n';
      if (atLineStart && stripped(text.substr(line), true, false).begin == text.size() - line) kept = line;
    }
    if (kept > 0) add(TokenKind::Text, std::string(text.substr(0, kept)));
    skip(text.size());
  }

  static char signOf(char c) { return c == '-' || c == '+' ? c : '\0'; }

  Result<void> textAndTag() {
    std::size_t tag = m_at;
    while (true) {
      tag = m_in.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= m_in.size()) {
        add(TokenKind::Text, m_in.substr(m_at));
        skip(m_in.size() - m_at);
        return {};
      }
      const char c = m_in[tag + 1];
      if (c == '{' || c == '%' || c == '#') break;
      ++tag;
    }
    const char brace = m_in[tag + 1];
    const char sign = signOf(tag + 2 < m_in.size() ? m_in[tag + 2] : '\0');
    addText(tag, sign, brace == '{');
    skip(sign ? 3 : 2);
    if (brace == '#') return comment();
    if (brace == '%' && isRaw()) return raw();
    add(brace == '{' ? TokenKind::PrintBegin : TokenKind::TagBegin);
    return expression(brace == '{');
  }

  Result<void> comment() {
    const std::size_t end = m_in.find("#}", m_at);
    if (end == std::string::npos) return refuse("a comment has no end (#})");
    const char sign = end > m_at ? signOf(m_in[end - 1]) : '\0';
    skip(end + 2 - m_at);
    endTag(sign, true);
    return {};
  }

  /// What follows a tag's end: trimmed by a '-', one end of line by trim_blocks.
  void endTag(char sign, bool trims) {
    if (sign == '-')
      skipSpace();
    else if (sign != '+' && trims && peek() == '\n')
      skip(1);
  }

  std::size_t spacesAt(std::size_t at) const {
    return stripped(std::string_view(m_in).substr(std::min(at, m_in.size())), true, false).begin;
  }

  /// After "{%": "raw %}"; moves behind it.
  bool isRaw() {
    std::size_t at = m_at + spacesAt(m_at);
    if (m_in.compare(at, 3, "raw") != 0) return false;
    at += 3 + spacesAt(at + 3);
    const bool trims = m_in.compare(at, 3, "-%}") == 0;
    if (!trims && m_in.compare(at, 2, "%}") != 0) return false;
    skip(at + (trims ? 3 : 2) - m_at);
    if (trims) skipSpace();
    return true;
  }

  Result<void> raw() {
    for (std::size_t tag = m_in.find("{%", m_at); tag != std::string::npos; tag = m_in.find("{%", tag + 2)) {
      const char sign = signOf(tag + 2 < m_in.size() ? m_in[tag + 2] : '\0');
      std::size_t at = tag + (sign ? 3 : 2);
      at += spacesAt(at);
      if (m_in.compare(at, 6, "endraw") != 0) continue;
      at += 6 + spacesAt(at + 6);
      const char endSign = signOf(at < m_in.size() ? m_in[at] : '\0');
      if (endSign) ++at;
      if (m_in.compare(at, 2, "%}") != 0) continue;
      addText(tag, sign, false);
      skip(at + 2 - m_at);
      endTag(endSign, true);
      return {};
    }
    return refuse("a raw block has no end (endraw)");
  }

  Result<void> expression(bool isPrint) {
    const std::string_view end = isPrint ? "}}" : "%}";
    std::string brackets;
    while (m_at < m_in.size()) {
      if (brackets.empty()) {
        const char sign = peek() == '-' || (!isPrint && peek() == '+') ? peek() : '\0';
        if (follows(end, sign ? 1 : 0)) {
          add(isPrint ? TokenKind::PrintEnd : TokenKind::TagEnd);
          skip(sign ? 3 : 2);
          endTag(sign, !isPrint);
          return {};
        }
      }
      DELTASCOPE_TRY(token(brackets));
    }
    return refuse(isPrint ? "an expression has no end (}})" : "a tag has no end (%})");
  }

  Result<void> token(std::string& brackets) {
    const auto step = utf8At(m_in, m_at);
    if (isSpace(step.c)) {
      skipSpace();
      return {};
    }
    if (isDigit(peek())) return number();
    if (text::isWord(step.c)) {
      std::size_t end = m_at;
      while (end < m_in.size() && text::isWord(utf8At(m_in, end).c)) end += utf8At(m_in, end).length;
      add(TokenKind::Name, m_in.substr(m_at, end - m_at));
      skip(end - m_at);
      return {};
    }
    if (peek() == '\'' || peek() == '"') return string();
    for (const auto word : kOperators) {
      if (!follows(word)) continue;
      if (word == "(" || word == "[" || word == "{") {
        brackets += word == "(" ? ')' : word == "[" ? ']' : '}';
        if (brackets.size() > kMostBrackets) return refuse("brackets are nested too deeply", ErrorCode::Unsupported);
      } else if (word == ")" || word == "]" || word == "}") {
        if (!brackets.ends_with(word)) return refuse("unexpected '" + std::string(word) + "'");
        brackets.pop_back();
      }
      add(TokenKind::Operator, std::string(word));
      skip(word.size());
      return {};
    }
    return refuse("unexpected character '" + printable(std::string_view(m_in).substr(m_at, step.length)) + "'");
  }

  Result<void> string() {
    const char quote = peek();
    std::size_t end = m_at + 1;
    while (end < m_in.size() && m_in[end] != quote) end += m_in[end] == '\\' ? 2 : 1;
    if (end >= m_in.size()) return refuse("a string has no end");
    auto inside = unescape(std::string_view(m_in).substr(m_at + 1, end - m_at - 1));
    if (!inside) return refuse(inside.error().message, inside.error().code);
    add(TokenKind::String, std::move(*inside));
    skip(end + 1 - m_at);
    return {};
  }

  // digits, with single underscores between them
  std::size_t digitsAt(std::size_t at) const {
    std::size_t end = at;
    while (end < m_in.size() && (isDigit(m_in[end]) || (m_in[end] == '_' && end > at && end + 1 < m_in.size() &&
                                                        isDigit(m_in[end + 1]) && isDigit(m_in[end - 1]))))
      ++end;
    return end - at;
  }

  Result<void> number() {
    std::size_t end = m_at + digitsAt(m_at);
    bool real = false;
    if (m_at == 0 || m_in[m_at - 1] != '.') {
      if (end + 1 < m_in.size() && m_in[end] == '.' && isDigit(m_in[end + 1])) {
        real = true;
        end += 1 + digitsAt(end + 1);
      }
      if (end < m_in.size() && (m_in[end] == 'e' || m_in[end] == 'E')) {
        const std::size_t signs = end + 1 < m_in.size() && signOf(m_in[end + 1]) ? 1 : 0;
        if (const std::size_t n = digitsAt(end + 1 + signs); n > 0) {
          real = true;
          end += 1 + signs + n;
        }
      }
    }
    std::string digits = m_in.substr(m_at, end - m_at);
    std::erase(digits, '_');
    Token token{real ? TokenKind::Float : TokenKind::Integer, m_line, {}, 0, 0};
    const char* last = digits.data() + digits.size();
    if (real) {
      if (std::from_chars(digits.data(), last, token.real).ec != std::errc())
        return refuse("the number " + printable(digits, 40) + " is out of range", ErrorCode::Unsupported);
    } else {
      if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos)
        return refuse("the number " + printable(digits, 40) + " begins with a zero");
      if (digits == "0" && end < m_in.size() && std::string_view("xXoObB").find(m_in[end]) != std::string_view::npos)
        return refuse("a number in another base than ten is not supported", ErrorCode::Unsupported);
      if (std::from_chars(digits.data(), last, token.integer).ec != std::errc())
        return refuse("the number " + printable(digits, 40) + " is beyond 64 bits", ErrorCode::Unsupported);
    }
    m_tokens.push_back(std::move(token));
    skip(end - m_at);
    return {};
  }

  const std::filesystem::path& m_file;
  const std::string m_in;
  std::size_t m_at = 0;
  unsigned m_line = 1;
  std::vector<Token> m_tokens;
};

}  // namespace

tl::unexpected<Error> failAt(const std::filesystem::path& file, unsigned line, std::string_view what, ErrorCode code,
                             std::string hint) {
  std::string text = printable(file.string(), 4096);
  text += (text.empty() ? "line " : ", line ") + std::to_string(line) + ": ";
  return fail(code, text.append(what), std::move(hint));
}

Result<std::vector<Token>> tokenize(std::string_view source, const std::filesystem::path& file) {
  return Lexer(source, file).run();
}

}  // namespace deltascope::jinja
