// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/parser.h"

#include <algorithm>
#include <set>

#include "core/text/jinja/token_stream.h"

namespace deltascope::jinja {
namespace {

constexpr unsigned kMostNesting = 100;  // of statements and expressions in the source

std::string described(const Token& token) {
  switch (token.kind) {
    case TokenKind::Name:
    case TokenKind::Operator:
      return "'" + printable(token.text, 60) + "'";
    case TokenKind::String:
      return "a string";
    case TokenKind::Integer:
    case TokenKind::Float:
      return "a number";
    case TokenKind::PrintEnd:
      return "the end of the expression (}})";
    case TokenKind::TagEnd:
      return "the end of the tag (%})";
    case TokenKind::End:
      return "the end of the template";
    default:
      return "text";
  }
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::filesystem::path& file)
      : m_tokens(std::move(tokens), file), m_expressions(m_tokens) {}

  Result<Program> run() {
    DELTASCOPE_ASSIGN(Body body, statements({}));
    return Program{std::move(body), m_tokens.takeSymbols()};
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  bool atAny(const Names& names) const {
    return std::any_of(names.begin(), names.end(), [this](std::string_view name) { return m_tokens.atName(name); });
  }

  Stmt make(StmtKind kind) const {
    Stmt stmt;
    stmt.kind = kind;
    stmt.line = m_tokens.line();
    return stmt;
  }

  /// Up to a tag that begins with one of `ends`, which stays the next token; to the end of the template when there are none.
  Result<Body> statements(const Names& ends) {
    DELTASCOPE_TRY(m_tokens.enter());
    const Nesting nesting(m_tokens);
    Body body;
    while (!m_tokens.at(TokenKind::End)) {
      if (m_tokens.at(TokenKind::Text)) {
        Stmt stmt = make(StmtKind::Text);
        stmt.text = OriginText(std::move(m_tokens.next().text), Origin::Template);
        body.push_back(std::move(stmt));
      } else if (m_tokens.at(TokenKind::PrintBegin)) {
        Stmt stmt = make(StmtKind::Print);
        m_tokens.next();
        DELTASCOPE_ASSIGN(auto expr, m_expressions.tuple());
        stmt.exprs.push_back(std::move(expr));
        DELTASCOPE_TRY(m_tokens.expect(TokenKind::PrintEnd));
        body.push_back(std::move(stmt));
      } else {
        DELTASCOPE_TRY(m_tokens.expect(TokenKind::TagBegin));
        if (atAny(ends)) return body;
        DELTASCOPE_TRY(statement(body));
        DELTASCOPE_TRY(m_tokens.expect(TokenKind::TagEnd));
      }
    }
    if (ends.size() > 0)
      return m_tokens.refuse("the template ends, but {% " + std::string(*(ends.end() - 1)) + " %} was expected");
    return body;
  }

  /// The body behind a tag's end, up to and without the closing tag's name.
  Result<Body> block(const Names& ends) {
    m_tokens.skipOperator(":");
    DELTASCOPE_TRY(m_tokens.expect(TokenKind::TagEnd));
    return statements(ends);
  }
  Result<void> closedBlock(Stmt& stmt, std::string_view end) {
    DELTASCOPE_ASSIGN(Body body, block({end}));
    m_tokens.next();
    stmt.bodies.push_back(std::move(body));
    return {};
  }

  Result<void> statement(Body& into) {
    if (!m_tokens.at(TokenKind::Name)) return m_tokens.unexpected();
    const std::string name = m_tokens.peek().text;
    if (name == "print") return print(into);
    static constexpr std::pair<std::string_view, Result<Stmt> (Parser::*)()> kTags[] = {
        {"if", &Parser::ifTag},         {"for", &Parser::forTag},
        {"set", &Parser::setTag},       {"macro", &Parser::macroTag},
        {"call", &Parser::callTag},     {"filter", &Parser::filterTag},
        {"with", &Parser::withTag},     {"break", &Parser::loopTag},
        {"continue", &Parser::loopTag}, {"generation", &Parser::generationTag},
        {"block", &Parser::blockTag}};
    for (const auto& [tag, parse] : kTags) {
      if (tag != name) continue;
      DELTASCOPE_ASSIGN(Stmt stmt, (this->*parse)());
      into.push_back(std::move(stmt));
      return {};
    }
    if (name.starts_with("end") || name == "else" || name == "elif")
      return m_tokens.refuse("{% " + printable(name, 60) + " %} closes nothing that is open here");
    return m_tokens.refuse("the tag {% " + printable(name, 60) + " %} is not supported", ErrorCode::Unsupported);
  }

  Result<void> print(Body& into) {
    m_tokens.next();
    for (bool first = true; !m_tokens.at(TokenKind::TagEnd); first = false) {
      if (!first) DELTASCOPE_TRY(m_tokens.expectOperator(","));
      Stmt stmt = make(StmtKind::Print);
      DELTASCOPE_ASSIGN(auto expr, m_expressions.expression());
      stmt.exprs.push_back(std::move(expr));
      into.push_back(std::move(stmt));
    }
    return {};
  }

  Result<Stmt> ifTag() {
    Stmt stmt = make(StmtKind::If);
    while (true) {
      m_tokens.next();
      DELTASCOPE_ASSIGN(auto test, m_expressions.tuple(false));
      stmt.exprs.push_back(std::move(test));
      DELTASCOPE_ASSIGN(Body body, block({"elif", "else", "endif"}));
      stmt.bodies.push_back(std::move(body));
      if (m_tokens.atName("elif")) continue;
      if (m_tokens.next().text == "else") DELTASCOPE_TRY(closedBlock(stmt, "endif"));
      return stmt;
    }
  }

  Result<Stmt> forTag() {
    Stmt stmt = make(StmtKind::For);
    m_tokens.next();
    DELTASCOPE_ASSIGN(stmt.target, m_expressions.target("in", false));
    if (!m_tokens.skipName("in")) return m_tokens.unexpected();
    DELTASCOPE_ASSIGN(auto items, m_expressions.tuple(false));
    stmt.exprs.push_back(std::move(items));
    stmt.exprs.emplace_back();
    if (m_tokens.skipName("if")) {
      DELTASCOPE_ASSIGN(stmt.exprs[1], m_expressions.expression());
    }
    stmt.recursive = m_tokens.skipName("recursive");
    ++m_loops;
    auto body = block({"else", "endfor"});
    --m_loops;
    if (!body) return tl::make_unexpected(body.error());
    stmt.bodies.push_back(std::move(*body));
    if (m_tokens.next().text == "else") DELTASCOPE_TRY(closedBlock(stmt, "endfor"));
    return stmt;
  }

  Result<Stmt> setTag() {
    Stmt stmt = make(StmtKind::Set);
    m_tokens.next();
    DELTASCOPE_ASSIGN(stmt.target, m_expressions.target({}, true));
    stmt.exprs.emplace_back();
    if (m_tokens.skipOperator("=")) {
      DELTASCOPE_ASSIGN(stmt.exprs[0], m_expressions.tuple());
      return stmt;
    }
    stmt.kind = StmtKind::SetBlock;
    if (m_tokens.atOperator("|")) {
      DELTASCOPE_ASSIGN(stmt.exprs[0], m_expressions.filters(blockText(), false));
    }
    DELTASCOPE_TRY(inner(stmt, "endset"));
    return stmt;
  }

  ExprPtr blockText() const {
    auto expr = std::make_unique<Expr>();
    expr->kind = ExprKind::BlockText;
    expr->line = m_tokens.line();
    return expr;
  }

  /// A body that a loop around it cannot be left from, as it is a function of its own.
  Result<void> inner(Stmt& stmt, std::string_view end) {
    const unsigned loops = std::exchange(m_loops, 0u);
    DELTASCOPE_TRY(closedBlock(stmt, end));
    m_loops = loops;
    return {};
  }

  Result<void> parameters(Stmt& stmt) {
    DELTASCOPE_TRY(m_tokens.expectOperator("("));
    while (!m_tokens.atOperator(")")) {
      if (!stmt.parameters.empty()) DELTASCOPE_TRY(m_tokens.expectOperator(","));
      if (stmt.parameters.size() >= kMostArguments)
        return m_tokens.refuse("a macro with more than 255 parameters is not supported", ErrorCode::Unsupported);
      Parameter parameter;
      DELTASCOPE_ASSIGN(parameter.name, m_tokens.expectName());
      for (const auto& known : stmt.parameters)
        if (known.name == parameter.name) return m_tokens.refuse("the parameter " + printable(known.name) + " is named twice");
      parameter.symbol = m_tokens.symbol(parameter.name);
      if (m_tokens.skipOperator("=")) {
        DELTASCOPE_ASSIGN(parameter.fallback, m_expressions.expression());
      } else if (!stmt.parameters.empty() && stmt.parameters.back().fallback) {
        return m_tokens.refuse("a parameter without a default follows one with a default");
      }
      stmt.parameters.push_back(std::move(parameter));
    }
    m_tokens.next();
    return {};
  }

  /// The body of a macro or call block, noting whether it wants the arguments that have no name.
  Result<void> function(Stmt& stmt, std::string_view end) {
    const auto before = std::exchange(m_expressions.mentions, {});
    DELTASCOPE_TRY(inner(stmt, end));
    auto& mentions = m_expressions.mentions;
    stmt.takesMore = mentions.varargs;
    stmt.takesMoreNamed = mentions.kwargs;
    mentions.varargs |= before.varargs;
    mentions.kwargs |= before.kwargs;
    return {};
  }

  Result<Stmt> macroTag() {
    Stmt stmt = make(StmtKind::Macro);
    m_tokens.next();
    DELTASCOPE_ASSIGN(stmt.name, m_tokens.expectName());
    stmt.symbol = m_tokens.symbol(stmt.name);
    DELTASCOPE_TRY(parameters(stmt));
    DELTASCOPE_TRY(function(stmt, "endmacro"));
    return stmt;
  }

  Result<Stmt> callTag() {
    Stmt stmt = make(StmtKind::CallBlock);
    m_tokens.next();
    if (m_tokens.atOperator("(")) DELTASCOPE_TRY(parameters(stmt));
    DELTASCOPE_ASSIGN(auto call, m_expressions.expression());
    if (call->kind != ExprKind::Call) return m_tokens.refuse("{% call %} needs the call of a macro");
    stmt.exprs.push_back(std::move(call));
    stmt.name = "caller";
    DELTASCOPE_TRY(function(stmt, "endcall"));
    return stmt;
  }

  Result<Stmt> filterTag() {
    Stmt stmt = make(StmtKind::FilterBlock);
    m_tokens.next();
    DELTASCOPE_ASSIGN(auto filters, m_expressions.filters(blockText(), true));
    stmt.exprs.push_back(std::move(filters));
    DELTASCOPE_TRY(inner(stmt, "endfilter"));
    return stmt;
  }

  Result<Stmt> withTag() {
    Stmt stmt = make(StmtKind::With);
    m_tokens.next();
    while (!m_tokens.at(TokenKind::TagEnd)) {
      if (!stmt.parameters.empty()) DELTASCOPE_TRY(m_tokens.expectOperator(","));
      Parameter one;
      DELTASCOPE_ASSIGN(one.name, m_tokens.expectName());
      one.symbol = m_tokens.symbol(one.name);
      DELTASCOPE_TRY(m_tokens.expectOperator("="));
      DELTASCOPE_ASSIGN(one.fallback, m_expressions.expression());
      stmt.parameters.push_back(std::move(one));
    }
    DELTASCOPE_TRY(closedBlock(stmt, "endwith"));
    return stmt;
  }

  Result<Stmt> generationTag() {
    Stmt stmt = make(StmtKind::Generation);
    m_tokens.next();
    DELTASCOPE_TRY(inner(stmt, "endgeneration"));
    return stmt;
  }

  /// A template of its own, which does not see the variables of loops around it unless it is "scoped".
  Result<Stmt> blockTag() {
    Stmt stmt = make(StmtKind::Block);
    m_tokens.next();
    DELTASCOPE_ASSIGN(stmt.name, m_tokens.expectName());
    if (!m_blocks.insert(stmt.name).second) return m_tokens.refuse("the block " + printable(stmt.name, 60) + " is there twice");
    stmt.scoped = m_tokens.skipName("scoped");
    if (m_tokens.atName("required")) return m_tokens.refuse("a required block is not supported", ErrorCode::Unsupported);
    DELTASCOPE_TRY(inner(stmt, "endblock"));
    if (m_tokens.atName(stmt.name)) m_tokens.next();
    return stmt;
  }

  Result<Stmt> loopTag() {
    const bool isBreak = m_tokens.atName("break");
    Stmt stmt = make(isBreak ? StmtKind::Break : StmtKind::Continue);
    if (m_loops == 0) return m_tokens.refuse(isBreak ? "{% break %} outside of a loop" : "{% continue %} outside of a loop");
    m_tokens.next();
    return stmt;
  }

  TokenStream m_tokens;
  ExpressionParser m_expressions;
  std::set<std::string> m_blocks;
  unsigned m_loops = 0;  ///< around the current statement, in the same function
};

}  // namespace

Result<void> TokenStream::expectOperator(std::string_view op) { return skipOperator(op) ? Result<void>() : unexpected(); }

Result<void> TokenStream::expect(TokenKind kind) {
  if (!at(kind)) return unexpected();
  next();
  return {};
}

Result<std::string> TokenStream::expectName() {
  if (!at(TokenKind::Name)) return unexpected();
  return next().text;
}

tl::unexpected<Error> TokenStream::unexpected() const { return refuse("unexpected " + described(peek())); }

Symbol TokenStream::symbol(const std::string& name) {
  const auto [entry, isNew] = m_known.emplace(name, static_cast<Symbol>(m_symbols.size()));
  if (isNew) m_symbols.push_back(name);
  return entry->second;
}

Result<void> TokenStream::enter() {
  if (++m_nesting <= kMostNesting) return {};
  --m_nesting;
  return refuse("statements and expressions are nested deeper than " + std::to_string(kMostNesting), ErrorCode::Unsupported);
}

Result<Program> parse(std::string_view source, const std::filesystem::path& file) {
  DELTASCOPE_ASSIGN(auto tokens, tokenize(source, file));
  return Parser(std::move(tokens), file).run();
}

}  // namespace deltascope::jinja
