// SPDX-License-Identifier: Apache-2.0
// Statements.
#include "core/text/jinja/interpreter.h"

#include <algorithm>

#include "core/text/jinja/lexer.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

constexpr Symbol kNoSymbol = ~Symbol{0};

/// Puts a value back when the block is left.
template <class T>
class Restored {
 public:
  Restored(T& what, T meanwhile) : m_what(what), m_before(std::exchange(what, std::move(meanwhile))) {}
  ~Restored() { m_what = std::move(m_before); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  T& m_what;
  T m_before;
};

std::shared_ptr<Scope> inside(const std::shared_ptr<Scope>& outer) {
  auto scope = std::make_shared<Scope>();
  scope->outer = outer;
  return scope;
}

}  // namespace

Interpreter::Interpreter(const Program& program, Runtime& runtime, const std::filesystem::path& file)
    : m_program(program),
      m_runtime(runtime),
      m_budget(runtime.budget),
      m_file(file),
      m_scope(std::make_shared<Scope>()),
      m_loop(known("loop")),
      m_caller(known("caller")),
      m_varargs(known("varargs")),
      m_kwargs(known("kwargs")) {}

Symbol Interpreter::known(std::string_view name) const {
  const auto& symbols = m_program.symbols;
  const auto found = std::find(symbols.begin(), symbols.end(), name);
  return found == symbols.end() ? kNoSymbol : static_cast<Symbol>(found - symbols.begin());
}

void Interpreter::set(std::string_view name, const Value& value) {
  if (const Symbol symbol = known(name); symbol != kNoSymbol) m_scope->set(symbol, value, m_budget);
}

Error Interpreter::located(Error error) const {
  return failAt(m_file, m_line, error.message, error.code, std::move(error.hint)).value();
}

Result<OriginText> Interpreter::run() {
  TextBuilder out(m_budget);
  m_out = &out;
  m_scope = inside(m_scope);
  m_runtime.scopes.push_back(m_scope);
  m_top = m_scope;
  if (known("self") != kNoSymbol) {
    auto self = std::make_shared<Namespace>();
    self->role = Namespace::Role::Blocks;
    m_runtime.namespaces.push_back(self);
    offerBlocks(m_program.body, self);
    m_scope->outer->set(known("self"), self, m_budget);
  }
  const auto flow = execute(m_program.body);
  m_out = nullptr;
  if (m_budget.exceeded())
    return tl::make_unexpected(located({ErrorCode::Unsupported, "the template " + m_budget.what() + ", which is not allowed",
                                        "use a shorter conversation, or another template"}));
  if (!flow) return tl::make_unexpected(located(flow.error()));
  return out.take();
}

Result<Interpreter::Flow> Interpreter::execute(const Body& body) {
  const Depth depth(m_budget);
  Result<Flow> flow = Flow::Next;
  for (const Stmt& stmt : body) {
    if (m_budget.exceeded()) break;
    flow = execute(stmt);
    if (!flow || *flow != Flow::Next) break;
  }
  return flow;
}

Result<Interpreter::Flow> Interpreter::execute(const Stmt& stmt) {
  m_line = stmt.line;
  if (!m_budget.spend(1)) return Flow::Next;
  switch (stmt.kind) {
    case StmtKind::Text:
      m_out->add(stmt.text);
      break;
    case StmtKind::Print: {
      DELTASCOPE_ASSIGN(const Value value, evaluate(*stmt.exprs[0]));
      show(value, *m_out);
      break;
    }
    case StmtKind::If:
      return ifStatement(stmt);
    case StmtKind::For:
      return forStatement(stmt);
    case StmtKind::Set: {
      DELTASCOPE_ASSIGN(const Value value, evaluate(*stmt.exprs[0]));
      DELTASCOPE_TRY(assign(*stmt.target, value));
      break;
    }
    case StmtKind::SetBlock:
      DELTASCOPE_TRY(setBlock(stmt));
      break;
    case StmtKind::Macro:
      m_scope->set(stmt.symbol, makeMacro(stmt), m_budget);
      break;
    case StmtKind::CallBlock:
      DELTASCOPE_TRY(callBlock(stmt));
      break;
    case StmtKind::FilterBlock: {
      DELTASCOPE_ASSIGN(const Value text, captured(stmt.bodies[0]));
      const Restored block(m_blockText, &text);
      DELTASCOPE_ASSIGN(const Value filtered, evaluate(*stmt.exprs[0]));
      show(filtered, *m_out);
      break;
    }
    case StmtKind::With:
      DELTASCOPE_TRY(with(stmt));
      break;
    case StmtKind::Block:
      DELTASCOPE_TRY(block(stmt));
      break;
    case StmtKind::Generation: {
      const Restored scope(m_scope, inside(m_scope));
      DELTASCOPE_TRY(execute(stmt.bodies[0]));
      break;
    }
    case StmtKind::Break:
      return Flow::Break;
    case StmtKind::Continue:
      return Flow::Continue;
  }
  if (m_out->size() > m_budget.limits().output)
    m_budget.exceed("writes more than " + std::to_string(m_budget.limits().output >> 20) + " MiB");
  return Flow::Next;
}

Result<Interpreter::Flow> Interpreter::ifStatement(const Stmt& stmt) {
  for (std::size_t i = 0; i < stmt.exprs.size(); ++i) {
    DELTASCOPE_ASSIGN(const Value test, evaluate(*stmt.exprs[i]));
    if (truthy(test)) return execute(stmt.bodies[i]);
  }
  return stmt.bodies.size() > stmt.exprs.size() ? execute(stmt.bodies.back()) : Flow::Next;
}

Result<void> Interpreter::block(const Stmt& stmt) {
  const Restored scope(m_scope, inside(stmt.scoped ? m_scope : m_top));
  DELTASCOPE_TRY(execute(stmt.bodies[0]));
  return {};
}

/// What self.name() calls.
void Interpreter::offerBlocks(const Body& body, NamespaceRef& self) {
  const Depth depth(m_budget);
  for (const Stmt& stmt : body) {
    if (!m_budget.spend(1)) return;
    if (stmt.kind == StmtKind::Block) self->attributes.emplace_back(stmt.name, makeMacro(stmt));
    for (const Body& inner : stmt.bodies) offerBlocks(inner, self);
  }
}

Result<SequenceRef> Interpreter::loopItems(const Stmt& stmt, const Value& over) {
  DELTASCOPE_ASSIGN(auto items, iterate(over, m_budget));
  if (stmt.exprs[1]) {
    const Restored scope(m_scope, inside(m_scope));
    std::vector<Value> kept;
    for (Value& item : items) {
      DELTASCOPE_TRY(assign(*stmt.target, item));
      DELTASCOPE_ASSIGN(const Value test, evaluate(*stmt.exprs[1]));
      if (truthy(test)) kept.push_back(std::move(item));
    }
    items = std::move(kept);
  }
  const Value list = makeList(m_budget, std::move(items));
  const auto* made = std::get_if<SequenceRef>(&list);
  return made ? *made : std::make_shared<Sequence>();
}

Result<Interpreter::Flow> Interpreter::forStatement(const Stmt& stmt) {
  DELTASCOPE_ASSIGN(const Value over, evaluate(*stmt.exprs[0]));
  DELTASCOPE_ASSIGN(const SequenceRef items, loopItems(stmt, over));
  return runLoop(stmt, items, 0);
}

Result<Value> Interpreter::callLoop(const LoopRef& loop, const Arguments& args) {
  if (!loop->recursive) return typeError("only the loop of a recursive for can be called");
  if (args.positional.size() != 1 || !args.named.empty()) return typeError("a loop is called with what it goes through");
  TextBuilder text(m_budget);
  {
    const Restored scope(m_scope, std::shared_ptr<Scope>(loop->around));
    const Restored out(m_out, &text);
    const Depth depth(m_budget);
    if (m_budget.exceeded()) return None{};
    DELTASCOPE_ASSIGN(const SequenceRef items, loopItems(*loop->recursive, args.positional[0]));
    DELTASCOPE_TRY(runLoop(*loop->recursive, items, loop->depth + 1));
  }
  return text.finish();
}

Result<Interpreter::Flow> Interpreter::runLoop(const Stmt& stmt, const SequenceRef& items, unsigned depth) {
  if (items->items.empty() && stmt.bodies.size() > 1) {
    const Restored scope(m_scope, inside(m_scope));
    return execute(stmt.bodies[1]);
  }
  const auto loop = std::make_shared<Loop>();
  loop->items = items;
  loop->depth = depth;
  if (stmt.recursive) {
    loop->recursive = &stmt;
    loop->around = m_scope;
    m_runtime.loops.push_back(loop);
    m_budget.take(sizeof(Loop));
  }
  const Restored scope(m_scope, std::shared_ptr<Scope>(m_scope));
  const auto outer = m_scope;
  for (std::size_t i = 0; i < items->items.size() && m_budget.spend(1); ++i) {
    loop->index = i;
    if (i == 0 || m_scope.use_count() > 1)
      m_scope = inside(outer);
    else
      m_scope->variables.clear();
    if (m_loop != kNoSymbol) m_scope->set(m_loop, loop, m_budget);
    m_line = stmt.line;
    DELTASCOPE_TRY(assign(*stmt.target, items->items[i]));
    DELTASCOPE_ASSIGN(const Flow flow, execute(stmt.bodies[0]));
    if (flow == Flow::Break) break;
  }
  return Flow::Next;
}

Result<void> Interpreter::assign(const Expr& target, const Value& value) {
  if (target.kind == ExprKind::Name) {
    m_scope->set(target.symbol, value, m_budget);
    return {};
  }
  if (target.kind == ExprKind::Attribute) return assignAttribute(target, value);
  DELTASCOPE_ASSIGN(const auto parts, iterate(value, m_budget));
  if (parts.size() != target.args.size())
    return typeError(std::to_string(target.args.size()) + " values were expected to unpack, there are " +
                     std::to_string(parts.size()));
  for (std::size_t i = 0; i < parts.size(); ++i) DELTASCOPE_TRY(assign(*target.args[i], parts[i]));
  return {};
}

Result<void> Interpreter::assignAttribute(const Expr& target, const Value& value) {
  const Value* found = m_scope->find(target.args[0]->symbol, m_budget);
  const auto* space = found ? std::get_if<NamespaceRef>(found) : nullptr;
  if (!space || (*space)->role != Namespace::Role::Plain)
    return typeError("only a namespace's attributes can be set, and " + printable(target.args[0]->name, 60) + " is none");
  if (target.name.starts_with('_')) return typeError("a namespace's attribute must not begin with an underscore");
  m_budget.spend((*space)->attributes.size() / 16);
  for (auto& [known, old] : (*space)->attributes)
    if (known == target.name) {
      old = value;
      return {};
    }
  m_budget.take(sizeof(Dict::Entry));
  (*space)->attributes.emplace_back(target.name, value);
  return {};
}

Result<Value> Interpreter::captured(const Body& body) {
  TextBuilder text(m_budget);
  {
    const Restored scope(m_scope, inside(m_scope));
    const Restored out(m_out, &text);
    DELTASCOPE_TRY(execute(body));
  }
  return text.finish();
}

Result<void> Interpreter::setBlock(const Stmt& stmt) {
  DELTASCOPE_ASSIGN(Value text, captured(stmt.bodies[0]));
  if (stmt.exprs[0]) {
    const Value unfiltered = text;
    const Restored block(m_blockText, &unfiltered);
    DELTASCOPE_ASSIGN(text, evaluate(*stmt.exprs[0]));
  }
  return assign(*stmt.target, text);
}

Value Interpreter::makeMacro(const Stmt& stmt) {
  // Held until the end: the scope may hold the macro that holds the scope.
  m_budget.take(sizeof(Callable) + sizeof(Scope));
  m_runtime.scopes.push_back(m_scope);
  return CallableRef(std::make_shared<Callable>(Callable{stmt.name, None{}, &stmt, m_scope}));
}

Result<void> Interpreter::callBlock(const Stmt& stmt) {
  const Value caller = makeMacro(stmt);
  DELTASCOPE_ASSIGN(const Value text, call(*stmt.exprs[0], &caller));
  show(text, *m_out);
  return {};
}

Result<void> Interpreter::with(const Stmt& stmt) {
  auto scope = inside(m_scope);
  for (const auto& one : stmt.parameters) {
    DELTASCOPE_ASSIGN(Value value, evaluate(*one.fallback));
    scope->set(one.symbol, std::move(value), m_budget);
  }
  const Restored restored(m_scope, std::move(scope));
  DELTASCOPE_TRY(execute(stmt.bodies[0]));
  return {};
}

}  // namespace deltascope::jinja
