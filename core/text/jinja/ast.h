// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A parsed template: plain data, immutable once parsed, shared by renderings.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/text/jinja/value.h"

namespace deltascope::jinja {

struct Expr;
struct Stmt;
struct Call;
using ExprPtr = std::unique_ptr<Expr>;
using Body = std::vector<Stmt>;
using Symbol = unsigned;  ///< index into Program::symbols
using Builtin = Result<Value> (*)(Call&);

enum class ExprKind {
  Constant,     // value
  Name,         // symbol
  BlockText,    // what a {% filter %} or {% set %} block wrote
  List,         // args
  Tuple,        // args
  Dict,         // args: key, value, key, value …
  Attribute,    // args[0].name
  Item,         // args[0][args[1]]
  Slice,        // args[0]:args[1]:args[2], each may be null; only as args[1] of Item
  Call,         // args[0](args[1] …, named, *splat, **namedSplat)
  Filter,       // args[0]|name(args[1] …, named)
  Test,         // args[0] is name(args[1] …)
  Unary,        // ops[0] args[0]
  Binary,       // args[0] ops[0] args[1]
  Concat,       // args[0] ~ args[1] ~ …
  Compare,      // args[0] ops[0] args[1] ops[1] args[2] …
  And,          // args[0] and args[1]
  Or,           // args[0] or args[1]
  Conditional,  // args[1] if args[0] else args[2] (may be null)
};

enum class Op {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  Negate,
  Plus,
  Not,
  Equal,
  Unequal,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn
};

struct NamedExpr {
  std::string name;
  ExprPtr value;
};

struct Expr {
  ExprKind kind = ExprKind::Constant;
  unsigned line = 1;
  unsigned depth = 1;  ///< of the tree below, which is limited
  Value value;
  std::string name;
  Symbol symbol = 0;
  Builtin builtin = nullptr;  ///< of a filter or test
  std::vector<ExprPtr> args;
  std::vector<NamedExpr> named;
  ExprPtr splat, namedSplat;
  std::vector<Op> ops;
};

enum class StmtKind {
  Text,         // text
  Print,        // exprs[0]
  If,           // exprs[i] decides bodies[i]; one body more is the else
  For,          // target, exprs[0] iterated, exprs[1] the inline if (may be null); bodies[0], else bodies[1]
  Set,          // target, exprs[0]
  SetBlock,     // target, bodies[0]; exprs[0] filters over BlockText (may be null)
  Macro,        // symbol, name, parameters, bodies[0]
  CallBlock,    // exprs[0] the call, parameters, bodies[0]
  FilterBlock,  // exprs[0] filters over BlockText, bodies[0]
  With,         // targets and values in parameters, bodies[0]
  Block,        // name, bodies[0]
  Generation,   // bodies[0]
  Break,
  Continue,
};

struct Parameter {
  Symbol symbol = 0;
  std::string name;
  ExprPtr fallback;  ///< may be null
};

struct Stmt {
  StmtKind kind = StmtKind::Text;
  unsigned line = 1;
  OriginText text;
  ExprPtr target;  ///< Name, Tuple of these, or Attribute of a Name (a namespace's)
  std::vector<ExprPtr> exprs;
  std::vector<Body> bodies;
  Symbol symbol = 0;
  std::string name;
  std::vector<Parameter> parameters;
  bool recursive = false;       ///< a For whose loop may be called
  bool scoped = false;          ///< a Block that sees the variables around it
  bool takesMore = false;       ///< a macro that mentions varargs
  bool takesMoreNamed = false;  ///< … kwargs
};

struct Program {
  Body body;
  std::vector<std::string> symbols;
};

}  // namespace deltascope::jinja
