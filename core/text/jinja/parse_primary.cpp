// SPDX-License-Identifier: Apache-2.0
// Names, literals, and what stands behind them: .name, [item], (call).
#include "core/text/jinja/token_stream.h"

namespace deltascope::jinja {

Result<ExprPtr> ExpressionParser::primary() {
  const Token& token = m_tokens.peek();
  auto expr = make(ExprKind::Constant);
  switch (token.kind) {
    case TokenKind::Name:
      if (token.text == "true" || token.text == "True")
        expr->value = true;
      else if (token.text == "false" || token.text == "False")
        expr->value = false;
      else if (token.text == "none" || token.text == "None")
        expr->value = None{};
      else {
        expr->kind = ExprKind::Name;
        expr->name = token.text;
        expr->symbol = m_tokens.symbol(token.text);
        mentions.varargs |= token.text == "varargs";
        mentions.kwargs |= token.text == "kwargs";
      }
      m_tokens.next();
      return expr;
    case TokenKind::String: {
      std::string text;  // neighbouring strings are one
      while (m_tokens.at(TokenKind::String)) text += m_tokens.next().text;
      expr->value = StringRef(std::make_shared<String>(String{OriginText(std::move(text), Origin::Template), {}}));
      return expr;
    }
    case TokenKind::Integer:
      expr->value = m_tokens.next().integer;
      return expr;
    case TokenKind::Float:
      expr->value = m_tokens.next().real;
      return expr;
    case TokenKind::Operator:
      if (token.text == "(") return parenthesized();
      if (token.text == "[") return list();
      if (token.text == "{") return dict();
      return m_tokens.unexpected();
    default:
      return m_tokens.unexpected();
  }
}

Result<ExprPtr> ExpressionParser::parenthesized() {
  auto empty = make(ExprKind::Tuple);
  m_tokens.next();
  if (m_tokens.skipOperator(")")) return empty;
  DELTASCOPE_ASSIGN(auto inner, tuple());
  DELTASCOPE_TRY(m_tokens.expectOperator(")"));
  return inner;
}

Result<ExprPtr> ExpressionParser::list() {
  auto list = make(ExprKind::List);
  m_tokens.next();
  while (!m_tokens.atOperator("]")) {
    if (!list->args.empty()) DELTASCOPE_TRY(m_tokens.expectOperator(","));
    if (m_tokens.atOperator("]")) break;
    DELTASCOPE_ASSIGN(auto item, expression());
    DELTASCOPE_TRY(add(*list, std::move(item)));
  }
  m_tokens.next();
  return list;
}

Result<ExprPtr> ExpressionParser::dict() {
  auto dict = make(ExprKind::Dict);
  m_tokens.next();
  while (!m_tokens.atOperator("}")) {
    if (!dict->args.empty()) DELTASCOPE_TRY(m_tokens.expectOperator(","));
    if (m_tokens.atOperator("}")) break;
    DELTASCOPE_ASSIGN(auto key, expression());
    DELTASCOPE_TRY(m_tokens.expectOperator(":"));
    DELTASCOPE_ASSIGN(auto value, expression());
    DELTASCOPE_TRY(add(*dict, std::move(key)));
    DELTASCOPE_TRY(add(*dict, std::move(value)));
  }
  m_tokens.next();
  return dict;
}

Result<ExprPtr> ExpressionParser::postfix(ExprPtr of) {
  while (true) {
    if (m_tokens.atOperator(".")) {
      DELTASCOPE_ASSIGN(of, attribute(std::move(of)));
    } else if (m_tokens.atOperator("[")) {
      DELTASCOPE_ASSIGN(of, subscript(std::move(of)));
    } else if (m_tokens.atOperator("(")) {
      DELTASCOPE_ASSIGN(of, call(std::move(of)));
    } else {
      return of;
    }
  }
}

Result<ExprPtr> ExpressionParser::attribute(ExprPtr of) {
  auto expr = make(ExprKind::Attribute);
  m_tokens.next();
  DELTASCOPE_TRY(add(*expr, std::move(of)));
  if (m_tokens.at(TokenKind::Integer)) {  // items.0
    expr->kind = ExprKind::Item;
    auto index = make(ExprKind::Constant);
    index->value = m_tokens.next().integer;
    DELTASCOPE_TRY(add(*expr, std::move(index)));
    return expr;
  }
  DELTASCOPE_ASSIGN(expr->name, m_tokens.expectName());
  return expr;
}

Result<ExprPtr> ExpressionParser::subscript(ExprPtr of) {
  auto expr = make(ExprKind::Item);
  auto index = make(ExprKind::Tuple);
  m_tokens.next();
  DELTASCOPE_TRY(add(*expr, std::move(of)));
  while (!m_tokens.atOperator("]")) {
    if (!index->args.empty()) DELTASCOPE_TRY(m_tokens.expectOperator(","));
    DELTASCOPE_ASSIGN(auto one, subscripted());
    DELTASCOPE_TRY(add(*index, std::move(one)));
  }
  m_tokens.next();
  if (index->args.size() == 1) {
    auto only = std::move(index->args[0]);
    DELTASCOPE_TRY(add(*expr, std::move(only)));
    return expr;
  }
  for (const auto& part : index->args)
    if (part->kind == ExprKind::Slice)
      return m_tokens.refuse("a slice among several subscripts is not supported", ErrorCode::Unsupported);
  DELTASCOPE_TRY(add(*expr, std::move(index)));
  return expr;
}

Result<ExprPtr> ExpressionParser::subscripted() {
  auto slice = make(ExprKind::Slice);
  ExprPtr start;
  if (!m_tokens.atOperator(":")) {
    DELTASCOPE_ASSIGN(start, expression());
    if (!m_tokens.atOperator(":")) return start;
  }
  DELTASCOPE_TRY(add(*slice, std::move(start)));
  while (slice->args.size() < 3) {
    ExprPtr part;
    if (m_tokens.skipOperator(":") && !m_tokens.atOperator(":") && !m_tokens.atOperator("]") && !m_tokens.atOperator(",")) {
      DELTASCOPE_ASSIGN(part, expression());
    }
    DELTASCOPE_TRY(add(*slice, std::move(part)));
  }
  return slice;
}

Result<ExprPtr> ExpressionParser::call(ExprPtr of) {
  auto expr = make(ExprKind::Call);
  DELTASCOPE_TRY(add(*expr, std::move(of)));
  DELTASCOPE_TRY(arguments(*expr));
  return expr;
}

Result<void> ExpressionParser::arguments(Expr& call) {
  DELTASCOPE_TRY(m_tokens.expectOperator("("));
  const auto misplaced = [this] { return m_tokens.refuse("the arguments of a call are in a wrong order"); };
  bool first = true;
  while (!m_tokens.atOperator(")")) {
    if (!std::exchange(first, false)) DELTASCOPE_TRY(m_tokens.expectOperator(","));
    if (m_tokens.atOperator(")")) break;
    if (call.args.size() + call.named.size() > kMostArguments)
      return m_tokens.refuse("a call with more than 255 arguments is not supported", ErrorCode::Unsupported);
    const bool one = m_tokens.atOperator("*"), two = m_tokens.atOperator("**");
    if (one || two) {
      if (call.namedSplat || (one && call.splat)) return misplaced();
      m_tokens.next();
      auto& splat = one ? call.splat : call.namedSplat;
      DELTASCOPE_ASSIGN(splat, expression());
      DELTASCOPE_TRY(deepen(call, *splat));
    } else if (m_tokens.at(TokenKind::Name) && m_tokens.atOperator("=", 1)) {
      if (call.namedSplat) return misplaced();
      std::string name = m_tokens.next().text;
      m_tokens.next();
      for (const auto& known : call.named)
        if (known.name == name) return m_tokens.refuse("the argument " + printable(name) + " is given twice");
      DELTASCOPE_ASSIGN(auto value, expression());
      DELTASCOPE_TRY(deepen(call, *value));
      call.named.push_back({std::move(name), std::move(value)});
    } else {
      if (call.splat || call.namedSplat || !call.named.empty()) return misplaced();
      DELTASCOPE_ASSIGN(auto value, expression());
      DELTASCOPE_TRY(add(call, std::move(value)));
    }
  }
  m_tokens.next();
  return {};
}

}  // namespace deltascope::jinja
