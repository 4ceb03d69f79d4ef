// SPDX-License-Identifier: Apache-2.0
// Expressions.
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

constexpr Symbol kNoSymbol = ~Symbol{0};
// A function of Jinja whose result is random.
constexpr std::string_view kOtherFunctions[] = {"lipsum"};

}  // namespace

Result<Value> Interpreter::evaluate(const Expr& expr) {
  m_line = expr.line;
  if (!m_budget.spend(1)) return None{};
  const Depth depth(m_budget);
  auto value = m_budget.exceeded() ? Result<Value>(None{}) : evaluateNode(expr);
  if (m_budget.exceeded()) return None{};
  return value;
}

Result<Value> Interpreter::evaluateNode(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::Constant:
      return expr.value;
    case ExprKind::Name:
      return name(expr);
    case ExprKind::BlockText:
      return *m_blockText;
    case ExprKind::List:
    case ExprKind::Tuple:
      return collection(expr);
    case ExprKind::Dict:
      return dict(expr);
    case ExprKind::Attribute: {
      DELTASCOPE_ASSIGN(const Value object, evaluate(*expr.args[0]));
      m_line = expr.line;
      return attributeOf(object, expr.name, m_budget);
    }
    case ExprKind::Item:
      return item(expr);
    case ExprKind::Slice:
      return typeError("a slice stands only in brackets behind a value");
    case ExprKind::Call:
      return call(expr, nullptr);
    case ExprKind::Filter:
    case ExprKind::Test:
      return applied(expr);
    case ExprKind::Unary: {
      DELTASCOPE_ASSIGN(const Value of, evaluate(*expr.args[0]));
      m_line = expr.line;
      return unaryOperation(expr.ops[0], of);
    }
    case ExprKind::Binary: {
      DELTASCOPE_ASSIGN(const Value a, evaluate(*expr.args[0]));
      DELTASCOPE_ASSIGN(const Value b, evaluate(*expr.args[1]));
      m_line = expr.line;
      return binaryOperation(expr.ops[0], a, b, m_budget);
    }
    case ExprKind::Concat:
      return concat(expr);
    case ExprKind::Compare:
      return compare(expr);
    case ExprKind::And:
    case ExprKind::Or: {
      DELTASCOPE_ASSIGN(Value left, evaluate(*expr.args[0]));
      if (truthy(left) == (expr.kind == ExprKind::Or)) return left;
      return evaluate(*expr.args[1]);
    }
    case ExprKind::Conditional:
      return conditional(expr);
  }
  return fail(ErrorCode::Internal, "an expression of no kind");
}

Result<Value> Interpreter::name(const Expr& expr) {
  if (const Value* found = m_scope->find(expr.symbol, m_budget)) return *found;
  if (findFunction(expr.name)) return CallableRef(std::make_shared<Callable>(Callable{expr.name, None{}, nullptr, nullptr}));
  for (const auto other : kOtherFunctions)
    if (expr.name == other) return fail(ErrorCode::Unsupported, "the function " + expr.name + " is not supported");
  return makeUndefined("'" + printable(expr.name, 60) + "' is undefined");
}

Result<Value> Interpreter::collection(const Expr& expr) {
  std::vector<Value> items;
  items.reserve(expr.args.size());
  for (const auto& arg : expr.args) {
    DELTASCOPE_ASSIGN(Value item, evaluate(*arg));
    items.push_back(std::move(item));
  }
  return makeSequence(m_budget, expr.kind == ExprKind::List ? SequenceKind::List : SequenceKind::Tuple, std::move(items));
}

Result<Value> Interpreter::dict(const Expr& expr) {
  DictBuilder built(m_budget);
  for (std::size_t i = 0; i + 1 < expr.args.size(); i += 2) {
    DELTASCOPE_ASSIGN(Value key, evaluate(*expr.args[i]));
    DELTASCOPE_ASSIGN(Value value, evaluate(*expr.args[i + 1]));
    if (!isHashable(key)) return typeError("a key of type " + std::string(typeName(key)) + " is not hashable");
    built.set(std::move(key), std::move(value));
  }
  return built.finish();
}

Result<Value> Interpreter::item(const Expr& expr) {
  DELTASCOPE_ASSIGN(const Value object, evaluate(*expr.args[0]));
  const Expr& index = *expr.args[1];
  if (index.kind != ExprKind::Slice) {
    DELTASCOPE_ASSIGN(const Value key, evaluate(index));
    m_line = expr.line;
    return itemOf(object, key, m_budget);
  }
  Value parts[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (!index.args[i]) continue;
    DELTASCOPE_ASSIGN(parts[i], evaluate(*index.args[i]));
  }
  m_line = expr.line;
  const auto part = [&](std::size_t i) { return index.args[i] ? &parts[i] : nullptr; };
  return sliceOf(object, part(0), part(1), part(2), m_budget);
}

Result<Value> Interpreter::concat(const Expr& expr) {
  TextBuilder out(m_budget);
  for (const auto& arg : expr.args) {
    DELTASCOPE_ASSIGN(const Value value, evaluate(*arg));
    show(value, out);
  }
  return out.finish();
}

Result<Value> Interpreter::compare(const Expr& expr) {
  DELTASCOPE_ASSIGN(Value left, evaluate(*expr.args[0]));
  for (std::size_t i = 0; i < expr.ops.size(); ++i) {
    DELTASCOPE_ASSIGN(Value right, evaluate(*expr.args[i + 1]));
    m_line = expr.line;
    DELTASCOPE_ASSIGN(const bool holds, compareValues(expr.ops[i], left, right, m_budget));
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Result<Value> Interpreter::conditional(const Expr& expr) {
  DELTASCOPE_ASSIGN(const Value test, evaluate(*expr.args[0]));
  if (truthy(test)) return evaluate(*expr.args[1]);
  if (expr.args[2]) return evaluate(*expr.args[2]);
  return makeUndefined("the inline if-expression on line " + std::to_string(expr.line) + " has no else");
}

Result<Value> Interpreter::applied(const Expr& expr) {
  DELTASCOPE_ASSIGN(const Value self, evaluate(*expr.args[0]));
  DELTASCOPE_ASSIGN(const Arguments args, arguments(expr));
  m_line = expr.line;
  Call builtin{m_runtime, m_budget, expr.name, self, args};
  return expr.builtin(builtin);
}

/// All but args[0].
Result<Arguments> Interpreter::arguments(const Expr& expr) {
  Arguments args;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    DELTASCOPE_ASSIGN(Value value, evaluate(*expr.args[i]));
    args.positional.push_back(std::move(value));
  }
  for (const auto& [name, of] : expr.named) {
    DELTASCOPE_ASSIGN(Value value, evaluate(*of));
    args.named.emplace_back(name, std::move(value));
  }
  if (expr.splat) {
    DELTASCOPE_ASSIGN(const Value more, evaluate(*expr.splat));
    DELTASCOPE_ASSIGN(const auto items, iterate(more, m_budget));
    args.positional.insert(args.positional.end(), items.begin(), items.end());
  }
  if (expr.namedSplat) {
    DELTASCOPE_ASSIGN(const Value more, evaluate(*expr.namedSplat));
    const auto* dict = dictOf(more);
    if (!dict) return typeError("what follows ** must be a dict");
    for (const auto& [key, value] : dict->entries) {
      const auto* name = textOf(key);
      if (!name) return typeError("what follows ** must have strings for keys");
      args.named.emplace_back(name->bytes(), value);
    }
    m_budget.spend(dict->entries.size());
  }
  return args;
}

Result<Value> Interpreter::call(const Expr& expr, const Value* caller) {
  const Expr& callee = *expr.args[0];
  Value function;
  if (callee.kind == ExprKind::Attribute) {  // a method needs no object of its own to be called
    DELTASCOPE_ASSIGN(const Value object, evaluate(*callee.args[0]));
    if (const Builtin method = findMethod(object, callee.name)) {
      DELTASCOPE_ASSIGN(const Arguments args, arguments(expr));
      m_line = expr.line;
      Call builtin{m_runtime, m_budget, callee.name, object, args};
      return method(builtin);
    }
    m_line = callee.line;
    DELTASCOPE_ASSIGN(function, attributeOf(object, callee.name, m_budget));
  } else {
    DELTASCOPE_ASSIGN(function, evaluate(callee));
  }
  DELTASCOPE_ASSIGN(Arguments args, arguments(expr));
  m_line = expr.line;
  if (m_budget.exceeded()) return None{};
  if (caller) args.named.emplace_back("caller", *caller);
  if (is<Undefined>(function)) return undefinedError(function);
  if (const auto* loop = std::get_if<LoopRef>(&function)) return callLoop(*loop, args);
  if (const auto* space = std::get_if<NamespaceRef>(&function); space && (*space)->role == Namespace::Role::Joiner) {
    Call joiner{m_runtime, m_budget, "joiner", function, args};
    return callJoiner(joiner);
  }
  const auto* callable = std::get_if<CallableRef>(&function);
  if (!callable) return typeError("a value of type " + std::string(typeName(function)) + " cannot be called");
  if ((*callable)->macro) return callMacro(**callable, std::move(args));
  const Callable& named = **callable;
  const Builtin builtin = is<None>(named.self) ? findFunction(named.name) : findMethod(named.self, named.name);
  Call made{m_runtime, m_budget, named.name, named.self, args};
  return builtin(made);
}

Result<Value> Interpreter::bindParameters(const Callable& macro, Arguments& args, Scope& scope) {
  const Stmt& stmt = *macro.macro;
  auto& given = args.positional;
  const auto takeNamed = [&args, this](std::string_view name) -> std::optional<Value> {
    m_budget.spend(args.named.size() / 8);
    for (auto it = args.named.begin(); it != args.named.end(); ++it)
      if (it->first == name) {
        Value value = std::move(it->second);
        args.named.erase(it);
        return value;
      }
    return std::nullopt;
  };
  for (std::size_t i = 0; i < stmt.parameters.size(); ++i) {
    const auto& parameter = stmt.parameters[i];
    if (i < given.size()) {
      scope.set(parameter.symbol, given[i], m_budget);
    } else if (auto value = takeNamed(parameter.name)) {
      scope.set(parameter.symbol, std::move(*value), m_budget);
    } else if (parameter.fallback) {
      DELTASCOPE_ASSIGN(Value fallback, evaluate(*parameter.fallback));
      scope.set(parameter.symbol, std::move(fallback), m_budget);
    } else {
      scope.set(parameter.symbol, makeUndefined("parameter '" + parameter.name + "' was not provided"), m_budget);
    }
  }
  if (auto caller = takeNamed("caller"); caller && m_caller != kNoSymbol) scope.set(m_caller, std::move(*caller), m_budget);
  const std::size_t own = std::min(given.size(), stmt.parameters.size());
  if (given.size() > own && !stmt.takesMore)
    return typeError("macro " + macro.name + " takes at most " + std::to_string(stmt.parameters.size()) + " arguments");
  if (!args.named.empty() && !stmt.takesMoreNamed)
    return typeError("macro " + macro.name + " takes no argument " + printable(args.named[0].first, 60));
  if (stmt.takesMore)
    scope.set(m_varargs,
              makeSequence(m_budget, SequenceKind::Tuple, {given.begin() + static_cast<std::ptrdiff_t>(own), given.end()}),
              m_budget);
  if (stmt.takesMoreNamed) {
    DictBuilder rest(m_budget);
    for (auto& [name, value] : args.named) rest.set(makeText(m_budget, name, Origin::Template), std::move(value));
    scope.set(m_kwargs, rest.finish(), m_budget);
  }
  return None{};
}

Result<Value> Interpreter::callMacro(const Callable& macro, Arguments args) {
  const auto scope = std::make_shared<Scope>();
  scope->outer = macro.scope;
  const auto before = std::exchange(m_scope, scope);
  const unsigned line = m_line;
  auto bound = bindParameters(macro, args, *scope);
  auto text = bound ? captured(macro.macro->bodies[0]) : std::move(bound);
  m_scope = before;
  if (text) m_line = line;
  return text;
}

}  // namespace deltascope::jinja
