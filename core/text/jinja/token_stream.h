// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the two halves of the parser share: the tokens, the names, the way to refuse.
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/lexer.h"

namespace deltascope::jinja {

constexpr std::size_t kMostArguments = 255;  ///< of one call or macro

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, const std::filesystem::path& file) : m_file(file), m_tokens(std::move(tokens)) {}

  [[nodiscard]] const Token& peek(std::size_t ahead = 0) const { return m_tokens[std::min(m_at + ahead, m_tokens.size() - 1)]; }
  Token& next() { return m_tokens[m_at + 1 < m_tokens.size() ? m_at++ : m_at]; }
  [[nodiscard]] unsigned line() const { return peek().line; }
  [[nodiscard]] bool at(TokenKind kind) const { return peek().kind == kind; }
  [[nodiscard]] bool atName(std::string_view name, std::size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Name && peek(ahead).text == name;
  }
  [[nodiscard]] bool atOperator(std::string_view op, std::size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Operator && peek(ahead).text == op;
  }
  bool skipName(std::string_view name) { return atName(name) && (next(), true); }
  bool skipOperator(std::string_view op) { return atOperator(op) && (next(), true); }

  Result<void> expectOperator(std::string_view op);
  Result<void> expect(TokenKind kind);
  Result<std::string> expectName();
  [[nodiscard]] tl::unexpected<Error> unexpected() const;
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view what, ErrorCode code = ErrorCode::Corrupt) const {
    return failAt(m_file, line(), what, code);
  }

  Symbol symbol(const std::string& name);
  [[nodiscard]] std::vector<std::string> takeSymbols() { return std::move(m_symbols); }

  /// Nested constructs that the parser is inside of; refuses too many.
  Result<void> enter();
  void leave() { --m_nesting; }

 private:
  const std::filesystem::path& m_file;
  std::vector<Token> m_tokens;
  std::size_t m_at = 0;
  unsigned m_nesting = 0;
  std::vector<std::string> m_symbols;
  std::unordered_map<std::string, Symbol> m_known;
};

/// Leaves what was entered.
class Nesting {
 public:
  explicit Nesting(TokenStream& tokens) : m_tokens(tokens) {}
  ~Nesting() { m_tokens.leave(); }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  TokenStream& m_tokens;
};

/// The grammar of expressions. Each call reads as far as its rule goes.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : m_tokens(tokens) {}

  Result<ExprPtr> expression(bool conditional = true);
  /// One expression, or several with commas as a tuple.
  Result<ExprPtr> tuple(bool conditional = true);
  /// What can be assigned to. `endName`: a name that ends it, such as "in".
  Result<ExprPtr> target(std::string_view endName, bool namespaces);
  Result<ExprPtr> filters(ExprPtr input, bool startsWithName);  ///< |name(…)|name …
  /// Names seen since the parser was made or last asked, of those that a macro treats specially.
  struct Mentions {
    bool varargs = false, kwargs = false;
  };
  Mentions mentions;

 private:
  using Rule = Result<ExprPtr> (ExpressionParser::*)();
  Result<ExprPtr> conditional();
  Result<ExprPtr> disjunction();
  Result<ExprPtr> conjunction();
  Result<ExprPtr> negation();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> power();
  Result<ExprPtr> filtered() { return unary(true); }
  Result<ExprPtr> unary(bool withFilters);
  Result<ExprPtr> primary();
  Result<ExprPtr> parenthesized();
  Result<ExprPtr> list();
  Result<ExprPtr> dict();
  Result<ExprPtr> postfix(ExprPtr of);
  Result<ExprPtr> filtersAndTests(ExprPtr of);
  Result<ExprPtr> attribute(ExprPtr of);
  Result<ExprPtr> subscript(ExprPtr of);
  Result<ExprPtr> subscripted();
  Result<ExprPtr> test(ExprPtr of);
  Result<ExprPtr> call(ExprPtr of);
  Result<void> arguments(Expr& call);
  Result<ExprPtr> binary(Rule operand, std::initializer_list<std::pair<std::string_view, Op>> operators);

  [[nodiscard]] ExprPtr make(ExprKind kind) const;
  /// Appends to args (null is allowed) and keeps the depth.
  Result<void> add(Expr& parent, ExprPtr child);
  Result<void> deepen(Expr& parent, const Expr& child);

  TokenStream& m_tokens;
};

}  // namespace deltascope::jinja
