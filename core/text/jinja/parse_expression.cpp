// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/builtins.h"
#include "core/text/jinja/token_stream.h"

namespace deltascope::jinja {
namespace {

constexpr unsigned kMostDepth = 250;  // of one expression's tree

}  // namespace

ExprPtr ExpressionParser::make(ExprKind kind) const {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->line = m_tokens.line();
  return expr;
}

Result<void> ExpressionParser::deepen(Expr& parent, const Expr& child) {
  parent.depth = std::max(parent.depth, child.depth + 1);
  if (parent.depth > kMostDepth) return m_tokens.refuse("the expression is nested too deeply", ErrorCode::Unsupported);
  return {};
}

Result<void> ExpressionParser::add(Expr& parent, ExprPtr child) {
  if (child) DELTASCOPE_TRY(deepen(parent, *child));
  parent.args.push_back(std::move(child));
  return {};
}

Result<ExprPtr> ExpressionParser::expression(bool withConditional) {
  DELTASCOPE_TRY(m_tokens.enter());
  const Nesting nesting(m_tokens);
  return withConditional ? conditional() : disjunction();
}

Result<ExprPtr> ExpressionParser::tuple(bool withConditional) {
  auto all = make(ExprKind::Tuple);
  bool isTuple = false;
  while (!m_tokens.at(TokenKind::PrintEnd) && !m_tokens.at(TokenKind::TagEnd) && !m_tokens.atOperator(")")) {
    DELTASCOPE_ASSIGN(auto one, expression(withConditional));
    DELTASCOPE_TRY(add(*all, std::move(one)));
    if (!m_tokens.skipOperator(",")) break;
    isTuple = true;
  }
  if (isTuple) return all;
  if (all->args.empty()) return m_tokens.unexpected();
  return std::move(all->args[0]);
}

Result<ExprPtr> ExpressionParser::target(std::string_view endName, bool namespaces) {
  auto all = make(ExprKind::Tuple);
  bool isTuple = false;
  while (!m_tokens.at(TokenKind::TagEnd) && !m_tokens.atOperator(")") && (endName.empty() || !m_tokens.atName(endName))) {
    if (m_tokens.atOperator("(")) {
      DELTASCOPE_TRY(m_tokens.enter());
      const Nesting nesting(m_tokens);
      m_tokens.next();
      DELTASCOPE_ASSIGN(auto inner, target({}, namespaces));
      DELTASCOPE_TRY(m_tokens.expectOperator(")"));
      DELTASCOPE_TRY(add(*all, std::move(inner)));
    } else {
      auto one = make(ExprKind::Name);
      DELTASCOPE_ASSIGN(std::string name, m_tokens.expectName());
      if (name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None")
        return m_tokens.refuse("cannot assign to " + name);
      one->symbol = m_tokens.symbol(name);
      one->name = std::move(name);
      if (namespaces && m_tokens.skipOperator(".")) {
        auto attribute = make(ExprKind::Attribute);
        DELTASCOPE_ASSIGN(attribute->name, m_tokens.expectName());
        DELTASCOPE_TRY(add(*attribute, std::move(one)));
        one = std::move(attribute);
      }
      DELTASCOPE_TRY(add(*all, std::move(one)));
    }
    if (!m_tokens.skipOperator(",")) break;
    isTuple = true;
  }
  if (isTuple) return all;
  if (all->args.empty()) return m_tokens.unexpected();
  return std::move(all->args[0]);
}

Result<ExprPtr> ExpressionParser::conditional() {
  DELTASCOPE_ASSIGN(auto expr, disjunction());
  while (m_tokens.skipName("if")) {
    auto choice = make(ExprKind::Conditional);
    DELTASCOPE_ASSIGN(auto test, disjunction());
    ExprPtr otherwise;
    if (m_tokens.skipName("else")) {
      DELTASCOPE_TRY(m_tokens.enter());
      const Nesting nesting(m_tokens);
      DELTASCOPE_ASSIGN(otherwise, conditional());
    }
    DELTASCOPE_TRY(add(*choice, std::move(test)));
    DELTASCOPE_TRY(add(*choice, std::move(expr)));
    DELTASCOPE_TRY(add(*choice, std::move(otherwise)));
    expr = std::move(choice);
  }
  return expr;
}

Result<ExprPtr> ExpressionParser::disjunction() {
  DELTASCOPE_ASSIGN(auto left, conjunction());
  while (m_tokens.skipName("or")) {
    auto both = make(ExprKind::Or);
    DELTASCOPE_ASSIGN(auto right, conjunction());
    DELTASCOPE_TRY(add(*both, std::move(left)));
    DELTASCOPE_TRY(add(*both, std::move(right)));
    left = std::move(both);
  }
  return left;
}

Result<ExprPtr> ExpressionParser::conjunction() {
  DELTASCOPE_ASSIGN(auto left, negation());
  while (m_tokens.skipName("and")) {
    auto both = make(ExprKind::And);
    DELTASCOPE_ASSIGN(auto right, negation());
    DELTASCOPE_TRY(add(*both, std::move(left)));
    DELTASCOPE_TRY(add(*both, std::move(right)));
    left = std::move(both);
  }
  return left;
}

Result<ExprPtr> ExpressionParser::negation() {
  if (!m_tokens.atName("not")) return comparison();
  DELTASCOPE_TRY(m_tokens.enter());
  const Nesting nesting(m_tokens);
  auto no = make(ExprKind::Unary);
  m_tokens.next();
  no->ops = {Op::Not};
  DELTASCOPE_ASSIGN(auto of, negation());
  DELTASCOPE_TRY(add(*no, std::move(of)));
  return no;
}

Result<ExprPtr> ExpressionParser::comparison() {
  static constexpr std::pair<std::string_view, Op> kOperators[] = {{"==", Op::Equal},  {"!=", Op::Unequal},
                                                                   {"<", Op::Less},    {"<=", Op::LessEqual},
                                                                   {">", Op::Greater}, {">=", Op::GreaterEqual}};
  DELTASCOPE_ASSIGN(auto left, sum());
  ExprPtr all;
  while (true) {
    std::optional<Op> op;
    for (const auto& [word, meaning] : kOperators)
      if (m_tokens.atOperator(word)) op = meaning;
    if (m_tokens.atName("in")) op = Op::In;
    if (m_tokens.atName("not") && m_tokens.atName("in", 1)) op = Op::NotIn;
    if (!op) break;
    if (!all) {
      all = make(ExprKind::Compare);
      DELTASCOPE_TRY(add(*all, std::move(left)));
    }
    m_tokens.next();
    if (*op == Op::NotIn) m_tokens.next();
    all->ops.push_back(*op);
    DELTASCOPE_ASSIGN(auto right, sum());
    DELTASCOPE_TRY(add(*all, std::move(right)));
  }
  return all ? std::move(all) : std::move(left);
}

Result<ExprPtr> ExpressionParser::binary(Rule operand, std::initializer_list<std::pair<std::string_view, Op>> operators) {
  DELTASCOPE_ASSIGN(auto left, (this->*operand)());
  while (true) {
    std::optional<Op> op;
    for (const auto& [word, meaning] : operators)
      if (m_tokens.atOperator(word)) op = meaning;
    if (!op) return left;
    auto both = make(ExprKind::Binary);
    both->ops = {*op};
    m_tokens.next();
    DELTASCOPE_ASSIGN(auto right, (this->*operand)());
    DELTASCOPE_TRY(add(*both, std::move(left)));
    DELTASCOPE_TRY(add(*both, std::move(right)));
    left = std::move(both);
  }
}

Result<ExprPtr> ExpressionParser::sum() {
  return binary(&ExpressionParser::concatenation, {{"+", Op::Add}, {"-", Op::Subtract}});
}

Result<ExprPtr> ExpressionParser::concatenation() {
  DELTASCOPE_ASSIGN(auto first, product());
  if (!m_tokens.atOperator("~")) return first;
  auto all = make(ExprKind::Concat);
  DELTASCOPE_TRY(add(*all, std::move(first)));
  while (m_tokens.skipOperator("~")) {
    DELTASCOPE_ASSIGN(auto next, product());
    DELTASCOPE_TRY(add(*all, std::move(next)));
  }
  return all;
}

Result<ExprPtr> ExpressionParser::product() {
  return binary(&ExpressionParser::power, {{"*", Op::Multiply}, {"/", Op::Divide}, {"//", Op::FloorDivide}, {"%", Op::Modulo}});
}

Result<ExprPtr> ExpressionParser::power() { return binary(&ExpressionParser::filtered, {{"**", Op::Power}}); }

Result<ExprPtr> ExpressionParser::unary(bool withFilters) {
  ExprPtr expr;
  if (m_tokens.atOperator("-") || m_tokens.atOperator("+")) {
    DELTASCOPE_TRY(m_tokens.enter());
    const Nesting nesting(m_tokens);
    auto sign = make(ExprKind::Unary);
    sign->ops = {m_tokens.atOperator("-") ? Op::Negate : Op::Plus};
    m_tokens.next();
    DELTASCOPE_ASSIGN(auto of, unary(false));
    DELTASCOPE_TRY(add(*sign, std::move(of)));
    expr = std::move(sign);
  } else {
    DELTASCOPE_ASSIGN(expr, primary());
  }
  DELTASCOPE_ASSIGN(expr, postfix(std::move(expr)));
  if (!withFilters) return expr;
  return filtersAndTests(std::move(expr));
}

Result<ExprPtr> ExpressionParser::filtersAndTests(ExprPtr of) {
  while (true) {
    if (m_tokens.atOperator("|")) {
      DELTASCOPE_ASSIGN(of, filters(std::move(of), false));
    } else if (m_tokens.atName("is")) {
      DELTASCOPE_ASSIGN(of, test(std::move(of)));
    } else if (m_tokens.atOperator("(")) {
      DELTASCOPE_ASSIGN(of, call(std::move(of)));
    } else {
      return of;
    }
  }
}

Result<ExprPtr> ExpressionParser::filters(ExprPtr input, bool startsWithName) {
  while (startsWithName || m_tokens.skipOperator("|")) {
    startsWithName = false;
    auto filter = make(ExprKind::Filter);
    if (!m_tokens.at(TokenKind::Name)) return m_tokens.unexpected();
    filter->builtin = findFilter(m_tokens.peek().text);
    if (!filter->builtin)
      return m_tokens.refuse("the filter \"" + printable(m_tokens.peek().text) + "\" is not supported", ErrorCode::Unsupported);
    filter->name = m_tokens.next().text;
    DELTASCOPE_TRY(add(*filter, std::move(input)));
    if (m_tokens.atOperator("(")) DELTASCOPE_TRY(arguments(*filter));
    input = std::move(filter);
  }
  return input;
}

Result<ExprPtr> ExpressionParser::test(ExprPtr of) {
  m_tokens.next();
  const bool negated = m_tokens.skipName("not");
  auto test = make(ExprKind::Test);
  if (!m_tokens.at(TokenKind::Name)) return m_tokens.unexpected();
  test->builtin = findTest(m_tokens.peek().text);
  if (!test->builtin)
    return m_tokens.refuse("the test \"" + printable(m_tokens.peek().text) + "\" is not supported", ErrorCode::Unsupported);
  test->name = m_tokens.next().text;
  DELTASCOPE_TRY(add(*test, std::move(of)));
  if (m_tokens.atOperator("(")) {
    DELTASCOPE_TRY(arguments(*test));
  } else {
    const auto kind = m_tokens.peek().kind;
    const bool keyword = m_tokens.atName("else") || m_tokens.atName("or") || m_tokens.atName("and") || m_tokens.atName("if") ||
                         m_tokens.atName("in") || m_tokens.atName("not");
    if (m_tokens.atName("is")) return m_tokens.refuse("tests cannot be chained with is");
    if ((kind == TokenKind::Name && !keyword) || kind == TokenKind::String || kind == TokenKind::Integer ||
        kind == TokenKind::Float || m_tokens.atOperator("[") || m_tokens.atOperator("{")) {
      DELTASCOPE_ASSIGN(auto argument, primary());
      DELTASCOPE_ASSIGN(argument, postfix(std::move(argument)));
      DELTASCOPE_TRY(add(*test, std::move(argument)));
    }
  }
  if (!negated) return test;
  auto no = make(ExprKind::Unary);
  no->ops = {Op::Not};
  DELTASCOPE_TRY(add(*no, std::move(test)));
  return no;
}

}  // namespace deltascope::jinja
