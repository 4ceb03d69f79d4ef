// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which types a source file gives other files a name for, read from its text alone. Two definitions of one such name are
/// linked as if they were one (the one-definition rule): what holds of one is then done to the other.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace deltascope::repository {

/// One pass over a file's text. Comments, literals and preprocessor lines are left out; no macro is expanded, so that of two
/// branches of an #if both count.
class TypeScanner {
 public:
  /// The types that `text` defines at namespace scope, with their namespaces: `a::b::Name`, and `a::Name<int>` for a
  /// specialization. Those of anonymous namespaces, of functions and of other types are their own affair.
  static std::vector<std::string> typesOf(std::string_view text) { return TypeScanner(text).scan(); }

 private:
  explicit TypeScanner(std::string_view text) : m_text(text) {}

  static bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

  std::vector<std::string> scan() {
    while (m_at < m_text.size()) {
      if (skipped()) continue;
      const char c = m_text[m_at++];
      if (c == '{') {
        open();
      } else if (c == '}') {
        if (!m_scopes.empty()) m_scopes.pop_back();
        m_statement.clear();
      } else if (c == ';') {
        m_statement.clear();
      } else {
        m_statement += std::isspace(static_cast<unsigned char>(c)) ? ' ' : c;
      }
    }
    return std::move(m_types);
  }

  bool starts(std::string_view with) const { return m_text.substr(m_at, with.size()) == with; }
  void skipPast(std::string_view end, std::size_t from) {
    const auto found = m_text.find(end, from);
    m_at = found == std::string_view::npos ? m_text.size() : found + end.size();
  }

  /// Goes past what is no code.
  bool skipped() {
    const char c = m_text[m_at];
    if (starts("//")) return skipPast("\n", m_at), true;
    if (starts("/*")) return skipPast("*/", m_at + 2), true;
    if (c == '#' && onlyBlanksBefore()) return skipDirective(), true;
    if (starts("R\"") && (m_at == 0 || !isWord(m_text[m_at - 1]))) {
      const auto bracket = std::min(m_text.find('(', m_at), m_text.size());
      skipPast(")" + std::string(m_text.substr(m_at + 2, bracket - m_at - 2)) + "\"", bracket);
      return true;
    }
    if (c == '"' || (c == '\'' && !insideNumber())) return skipLiteral(c), true;
    return false;
  }

  bool onlyBlanksBefore() const {
    std::size_t i = m_at;
    while (i > 0 && (m_text[i - 1] == ' ' || m_text[i - 1] == '\t')) --i;
    return i == 0 || m_text[i - 1] == '\n';
  }
  /// Of 1'000 the mark is no character literal.
  bool insideNumber() const {
    std::size_t i = m_at;
    while (i > 0 && (isWord(m_text[i - 1]) || m_text[i - 1] == '\'')) --i;
    return i < m_at && std::isdigit(static_cast<unsigned char>(m_text[i]));
  }
  void skipDirective() {
    do skipPast("\n", m_at);
    while (m_at < m_text.size() && m_at >= 2 && m_text[m_at - 2] == '\\');
  }
  void skipLiteral(char quote) {
    for (++m_at; m_at < m_text.size() && m_text[m_at] != quote; ++m_at)
      if (m_text[m_at] == '\\') ++m_at;
    ++m_at;
  }

  /// A brace: of a namespace, of a type, or of something whose inside does not matter.
  void open() {
    Words words = wordsOf(m_statement);
    m_statement.clear();
    const bool outside = std::ranges::none_of(m_scopes, [](const Scope& s) { return !s.isNamespace || s.name.empty(); });
    if (!words.empty() && words.front() == "inline") words.erase(words.begin());
    if (!words.empty() && words.front() == "namespace") {
      std::string name;
      for (std::size_t i = 1; i < words.size(); ++i) name += words[i];
      m_scopes.push_back({true, name});
      return;
    }
    if (!words.empty() && words.front() == "extern") {  // extern "C" {
      m_scopes.push_back({words.size() == 1, "\"C\""});
      return;
    }
    const std::string type = outside ? nameOfType(words) : std::string();
    if (!type.empty()) m_types.push_back(prefix() + type);
    m_scopes.push_back({false, {}});
  }

  struct Scope {
    bool isNamespace = false;
    std::string name;  ///< of a namespace; empty: anonymous
  };
  using Words = std::vector<std::string>;

  std::string prefix() const {
    std::string names;
    for (const auto& scope : m_scopes)
      if (scope.name != "\"C\"") names += scope.name + "::";
    return names;
  }

  static Words wordsOf(std::string_view statement) {
    Words words;
    for (std::size_t i = 0; i < statement.size();) {
      if (statement[i] == ' ') {
        ++i;
        continue;
      }
      std::size_t end = i + 1;
      if (isWord(statement[i])) {
        while (end < statement.size() && isWord(statement[end])) ++end;
      } else if (statement.substr(i, 2) == "::") {
        ++end;
      }
      words.emplace_back(statement.substr(i, end - i));
      i = end;
    }
    return words;
  }

  /// The index after the bracket that closes the one at `at`.
  static std::size_t pastBracket(const Words& words, std::size_t at, std::string_view open, std::string_view close) {
    int depth = 0;
    for (std::size_t i = at; i < words.size(); ++i) {
      depth += words[i] == open;
      depth -= words[i] == close;
      if (depth == 0) return i + 1;
    }
    return words.size();
  }

  /// Of `template <…> struct [[…]] alignas(…) Name<…> final : …`; empty where the words before a brace define no type.
  static std::string nameOfType(const Words& words) {
    static constexpr std::array<std::string_view, 4> kKinds{"struct", "class", "union", "enum"};
    std::size_t i = 0;
    while (i + 1 < words.size() && words[i] == "template") i = pastBracket(words, i + 1, "<", ">");
    if (i < words.size() && words[i] == "typedef") ++i;
    if (i >= words.size() || std::ranges::find(kKinds, words[i]) == kKinds.end()) return {};
    if (words[i++] == "enum" && i < words.size() && (words[i] == "class" || words[i] == "struct")) ++i;
    for (; i < words.size(); i = pastBracket(words, i, words[i], words[i] == "[" ? "]" : ")")) {
      if (words[i] == "alignas" || words[i] == "__attribute__") ++i;
      if (i >= words.size() || (words[i] != "[" && words[i] != "(")) break;
    }
    std::string name;
    while (i < words.size() && (isWord(words[i].front()) || words[i] == "::") && words[i] != "final") name += words[i++];
    if (i < words.size() && words[i] == "<") {
      for (const std::size_t end = pastBracket(words, i, "<", ">"); i < end; ++i) name += words[i];
    }
    if (i < words.size() && words[i] == "final") ++i;
    return i == words.size() || words[i] == ":" ? name : std::string();  // a "(" here is a function's
  }

  std::string_view m_text;
  std::size_t m_at = 0;
  std::string m_statement;
  std::vector<Scope> m_scopes;
  std::vector<std::string> m_types;
};

}  // namespace deltascope::repository
