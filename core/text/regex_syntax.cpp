// SPDX-License-Identifier: Apache-2.0
// Oniguruma to PCRE2. PCRE2's own \s holds U+180E, and its \w of this version knows neither marks nor connectors.
#include <cctype>

#include "core/text/regex.h"

namespace deltascope::text {
namespace {

constexpr std::string_view kSpace = "\\t\\n\\x0b\\f\\r\\x{85}\\p{Z}";
constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
// Outside of sets Oniguruma counts the superscripts and fractions of Latin-1 as word characters.
constexpr std::string_view kLatinWord = "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";

tl::unexpected<Error> unsupported(const std::string& what) {
  return fail(ErrorCode::Unsupported, "the regular expression uses " + what + ", which is not supported");
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : m_in(pattern) {}

  Result<std::string> run() {
    while (m_at < m_in.size()) {
      const char c = m_in[m_at];
      if (c == '\\')
        DELTASCOPE_TRY(escape());
      else if (m_inClass)
        DELTASCOPE_TRY(inClass(c));
      else if (c == '(')
        DELTASCOPE_TRY(group());
      else if (c == '{' && peek(1) == ',')
        return unsupported("a repetition without a lower bound ({,n})");
      else
        outside(c);
    }
    return std::move(m_out);
  }

 private:
  char peek(std::size_t ahead) const { return m_at + ahead < m_in.size() ? m_in[m_at + ahead] : '\0'; }
  void copy(std::size_t n) {
    m_out += m_in.substr(m_at, n);
    m_at += n;
  }
  void replace(std::size_t n, std::string_view with) {
    m_out += with;
    m_at += n;
  }

  void outside(char c) {
    if (c == '[') {
      m_inClass = true;
      copy(1);
      if (peek(0) == '^') copy(1);
      if (peek(0) == ']') replace(1, "\\]");
    } else {
      copy(1);
    }
  }

  Result<void> inClass(char c) {
    if (m_in.substr(m_at).starts_with("[:alpha:]")) {
      replace(9, "\\p{Alphabetic}");
      return {};
    }
    if (c == '[' && peek(1) == ':') return unsupported("a set named [: :] other than [:alpha:]");
    if (c == '[') return unsupported("a set inside a set");
    if (c == '&' && peek(1) == '&') return unsupported("an intersection of sets (&&)");
    if (c == ']') m_inClass = false;
    copy(1);
    return {};
  }

  Result<void> group() {
    if (peek(1) == '*') return unsupported("a verb (*");
    if (peek(1) != '?') {
      copy(1);
      return {};
    }
    const char kind = peek(2);
    if (std::string_view(":=!>").find(kind) != std::string_view::npos) {
      copy(3);
      return {};
    }
    if (kind == '<' && (peek(3) == '=' || peek(3) == '!')) {
      copy(4);
      return {};
    }
    std::size_t n = 2;
    while (peek(n) == 'i' || peek(n) == '-') ++n;
    if (n == 2 || (peek(n) != ':' && peek(n) != ')')) return unsupported(std::string("the group (?") + kind);
    copy(n + 1);
    return {};
  }

  Result<void> escape() {
    const std::string set(m_inClass ? "" : "["), close(m_inClass ? "" : "]");
    const std::string word = std::string(kWord) + (m_inClass ? "" : std::string(kLatinWord));
    switch (const char c = peek(1)) {
      case 's':
        replace(2, set + std::string(kSpace) + close);
        return {};
      case 'S':
        replace(2, m_inClass ? "\\S\\x{180e}" : "[^" + std::string(kSpace) + "]");
        return {};
      case 'w':
        replace(2, set + word + close);
        return {};
      case 'W':
        if (m_inClass) return unsupported("\\W in a set");
        replace(2, "[^" + word + "]");
        return {};
      case 'b':
      case 'B': {
        if (m_inClass) return unsupported("\\b in a set");
        const std::string before = "(?<=[" + word + "])", notBefore = "(?<![" + word + "])";
        const std::string after = "(?=[" + word + "])", notAfter = "(?![" + word + "])";
        replace(2, "(?:" + before + (c == 'b' ? notAfter : after) + "|" + notBefore + (c == 'b' ? after : notAfter) + ")");
        return {};
      }
      case 'u': {
        for (std::size_t i = 2; i < 6; ++i)
          if (!std::isxdigit(static_cast<unsigned char>(peek(i)))) return unsupported("\\u without four digits");
        replace(6, "\\x{" + std::string(m_in.substr(m_at + 2, 4)) + "}");
        return {};
      }
      case 'v':
        replace(2, "\\x0b");
        return {};
      case 'p':
      case 'P':
      case 'd':
      case 'D':
      case 't':
      case 'n':
      case 'r':
      case 'f':
      case 'x':
      case 'A':
      case 'z':
      case 'Z':
        copy(2);
        return {};
      default:
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '\0') return unsupported(std::string("\\") + c);
        copy(2);
        return {};
    }
  }

  std::string_view m_in;
  std::string m_out;
  std::size_t m_at = 0;
  bool m_inClass = false;
};

}  // namespace

Result<std::string> toPcre2(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace deltascope::text
