// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the filters over lists and dicts share. Values are a template's: untrusted, and paid for from the call's budget.
#include <vector>

#include "core/text/jinja/builtins.h"

namespace deltascope::jinja {

/// What Jinja returns as a generator: it is true, has no length, and is used up.
[[nodiscard]] Value iterator(Budget& budget, std::vector<Value> items);
/// "a.b.0" of an item; an int is one index. `fallback` takes the place of what is undefined, at each step.
[[nodiscard]] Result<Value> deepItem(const Value& item, const Value& path, Budget& budget, const Value* fallback = nullptr);
/// All items of what the filter is called on; what cannot be iterated is Corrupt.
[[nodiscard]] Result<std::vector<Value>> items(const Call& call);

}  // namespace deltascope::jinja
