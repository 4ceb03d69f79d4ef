// SPDX-License-Identifier: Apache-2.0
// The methods of dict, list, tuple and loop.
#include "core/text/jinja/builtins.h"

namespace deltascope::jinja {
namespace {

template <SequenceKind kind>
Result<Value> view(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  std::vector<Value> items;
  for (const auto& [key, value] : dictOf(call.self)->entries) {
    if (!call.budget.spend(1)) break;
    if (kind == SequenceKind::Keys)
      items.push_back(key);
    else if (kind == SequenceKind::Values)
      items.push_back(value);
    else
      items.push_back(makeSequence(call.budget, SequenceKind::Tuple, {key, value}));
  }
  return makeSequence(call.budget, kind, std::move(items));
}

Result<Value> get(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"key", "default"}, 1));
  if (!call.args.named.empty()) return call.refuse("takes no named arguments");
  if (!isHashable(*given.get(0))) return call.refuse("the key is not hashable");
  if (const Value* found = find(*dictOf(call.self), *given.get(0), call.budget)) return *found;
  return given.get(1) ? *given.get(1) : Value(None{});
}

Result<Value> copy(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return call.self;  // values do not change
}

Result<Value> index(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"value"}, 1));
  const auto& items = sequenceOf(call.self)->items;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (equals(items[i], *given.get(0), call.budget)) return static_cast<std::int64_t>(i);
  return call.refuse("the value is not in the " + std::string(typeName(call.self)));
}

Result<Value> count(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"value"}, 1));
  std::int64_t found = 0;
  for (const Value& item : sequenceOf(call.self)->items)
    if (equals(item, *given.get(0), call.budget)) ++found;
  return found;
}

Result<Value> cycle(Call& call) {
  const auto& values = call.args.positional;
  if (values.empty() || !call.args.named.empty()) return call.refuse("no items for cycling given");
  return values[std::get<LoopRef>(call.self)->index % values.size()];
}

Result<Value> changed(Call& call) {
  if (!call.args.named.empty()) return call.refuse("takes no named arguments");
  const auto& loop = std::get<LoopRef>(call.self);
  const Value now = makeSequence(call.budget, SequenceKind::Tuple, call.args.positional);
  if (loop->changed && equals(*loop->changed, now, call.budget)) return false;
  if (!loop->changed) call.runtime.loops.push_back(loop);
  loop->changed = now;
  return true;
}

constexpr BuiltinRow kDict[] = {{"copy", copy},
                                {"get", get},
                                {"items", view<SequenceKind::Items>},
                                {"keys", view<SequenceKind::Keys>},
                                {"values", view<SequenceKind::Values>}};
constexpr BuiltinRow kList[] = {{"copy", copy}, {"count", count}, {"index", index}};
constexpr BuiltinRow kTuple[] = {{"count", count}, {"index", index}};
constexpr BuiltinRow kLoop[] = {{"changed", changed}, {"cycle", cycle}};

Result<Value> nextOfCycle(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  auto& space = *std::get<NamespaceRef>(call.self);
  if (space.cycle.empty()) return None{};  // emptied at the end
  Value value = space.cycle[space.next];
  space.next = (space.next + 1) % space.cycle.size();
  return value;
}

Result<Value> resetCycle(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  std::get<NamespaceRef>(call.self)->next = 0;
  return None{};
}

constexpr BuiltinRow kCycler[] = {{"next", nextOfCycle}, {"reset", resetCycle}};

template <std::size_t n>
Builtin among(const BuiltinRow (&rows)[n], std::string_view name) {
  for (const auto& [known, method] : rows)
    if (known == name) return method;
  return nullptr;
}

}  // namespace

Builtin findMethod(const Value& self, std::string_view name) {
  if (is<StringRef>(self)) return findStringMethod(name);
  if (is<DictRef>(self)) return among(kDict, name);
  if (is<LoopRef>(self)) return among(kLoop, name);
  if (const auto* space = std::get_if<NamespaceRef>(&self))
    return (*space)->role == Namespace::Role::Cycler ? among(kCycler, name) : nullptr;
  const auto* list = listOf(self);
  if (!list) return nullptr;
  return list->kind == SequenceKind::List ? among(kList, name) : among(kTuple, name);
}

}  // namespace deltascope::jinja
