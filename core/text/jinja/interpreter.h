// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Runs a Program once. Bounded by its limits: every node is counted, and what is built is charged.
#include <functional>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/builtins.h"
#include "core/text/jinja/scope.h"

namespace deltascope::jinja {

class Interpreter {
 public:
  /// `file` is for messages. All must outlive the interpreter.
  Interpreter(const Program& program, Runtime& runtime, const std::filesystem::path& file);

  void set(std::string_view name, const Value& value);  ///< a variable; of no effect where the template does not name it
  /// The rendered text. Errors name the file and the line.
  [[nodiscard]] Result<OriginText> run();

 private:
  enum class Flow { Next, Break, Continue };

  Result<Flow> execute(const Body& body);
  Result<Flow> execute(const Stmt& stmt);
  Result<Flow> ifStatement(const Stmt& stmt);
  Result<Flow> forStatement(const Stmt& stmt);
  Result<SequenceRef> loopItems(const Stmt& stmt, const Value& over);
  Result<Flow> runLoop(const Stmt& stmt, const SequenceRef& items, unsigned depth);
  Result<Value> callLoop(const LoopRef& loop, const Arguments& args);
  Result<void> block(const Stmt& stmt);
  void offerBlocks(const Body& body, NamespaceRef& self);
  Result<void> setBlock(const Stmt& stmt);
  Result<void> callBlock(const Stmt& stmt);
  Result<void> with(const Stmt& stmt);
  Result<void> assign(const Expr& target, const Value& value);
  Result<void> assignAttribute(const Expr& target, const Value& value);
  /// Runs a body in a scope of its own, and gives what it wrote.
  Result<Value> captured(const Body& body);
  Value makeMacro(const Stmt& stmt);

  Result<Value> evaluate(const Expr& expr);
  Result<Value> evaluateNode(const Expr& expr);
  Result<Value> name(const Expr& expr);
  Result<Value> collection(const Expr& expr);
  Result<Value> dict(const Expr& expr);
  Result<Value> item(const Expr& expr);
  Result<Value> concat(const Expr& expr);
  Result<Value> compare(const Expr& expr);
  Result<Value> conditional(const Expr& expr);
  Result<Value> applied(const Expr& expr);  ///< a filter or test
  Result<Value> call(const Expr& expr, const Value* caller);
  Result<Arguments> arguments(const Expr& expr);
  Result<Value> callMacro(const Callable& macro, Arguments args);
  Result<Value> bindParameters(const Callable& macro, Arguments& args, Scope& scope);

  [[nodiscard]] Symbol known(std::string_view name) const;  ///< kNoSymbol where the template never says it
  [[nodiscard]] Error located(Error error) const;

  const Program& m_program;
  Runtime& m_runtime;
  Budget& m_budget;
  const std::filesystem::path& m_file;
  std::shared_ptr<Scope> m_scope;
  std::shared_ptr<Scope> m_top;  ///< of the template's own variables
  TextBuilder* m_out = nullptr;
  const Value* m_blockText = nullptr;
  unsigned m_line = 1;
  Symbol m_loop, m_caller, m_varargs, m_kwargs;
};

}  // namespace deltascope::jinja
