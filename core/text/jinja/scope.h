// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The variables of a body and the scope around it. Loops, macros and blocks have one of their own, ifs do not.
#include <memory>
#include <vector>

#include "core/text/jinja/ast.h"

namespace deltascope::jinja {

struct Scope {
  std::shared_ptr<Scope> outer;
  std::vector<std::pair<Symbol, Value>> variables;

  [[nodiscard]] const Value* find(Symbol symbol, Budget& budget) const {  ///< here or further out, or null
    for (const Scope* scope = this; scope && budget.spend(scope->variables.size() / 16); scope = scope->outer.get())
      for (const auto& [known, value] : scope->variables)
        if (known == symbol) return &value;
    return nullptr;
  }
  void set(Symbol symbol, Value value, Budget& budget) {
    budget.spend(variables.size() / 16);
    for (auto& [known, old] : variables)
      if (known == symbol) {
        old = std::move(value);
        return;
      }
    variables.emplace_back(symbol, std::move(value));
  }
  void clear() {
    variables.clear();
    outer.reset();
  }
};

}  // namespace deltascope::jinja
