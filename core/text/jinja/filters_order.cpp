// SPDX-License-Identifier: Apache-2.0
// The filters that order, compare and group.
#include <algorithm>

#include "core/text/jinja/filters.h"
#include "core/text/jinja/text_operations.h"

namespace deltascope::jinja {
namespace {

Value lowered(const Value& value, Budget& budget) {
  const auto* text = textOf(value);
  return text ? changeCase(*text, Case::Lower, budget) : value;
}

/// What items are ordered by: attributes (several with commas), strings in lower case unless told otherwise.
Result<std::vector<Value>> keysOf(const std::vector<Value>& all, const Value* attribute, bool caseSensitive, Budget& budget) {
  std::vector<Value> paths;
  if (attribute && textOf(*attribute)) {
    const OriginText comma(",", Origin::Template);
    DELTASCOPE_ASSIGN(paths, iterate(splitText(*textOf(*attribute), &comma, -1, budget), budget));
  } else if (attribute && !is<None>(*attribute)) {
    paths.push_back(*attribute);
  }
  std::vector<Value> keys;
  for (const Value& item : all) {
    if (!budget.spend(1)) break;
    std::vector<Value> parts;
    if (paths.empty()) parts.push_back(caseSensitive ? item : lowered(item, budget));
    for (const Value& path : paths) {
      DELTASCOPE_ASSIGN(const Value part, deepItem(item, path, budget));
      parts.push_back(caseSensitive ? part : lowered(part, budget));
    }
    keys.push_back(parts.size() == 1 ? parts[0] : makeList(budget, std::move(parts)));
  }
  return keys;
}

/// Stable. Once something went wrong no item is less than another, so that sorting always ends well.
Result<std::vector<Value>> sorted(const std::vector<Value>& all, const std::vector<Value>& keys, bool reverse, Budget& budget) {
  std::vector<std::size_t> order(std::min(all.size(), keys.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Result<void> outcome;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (!outcome || budget.exceeded()) return false;
    const auto less = reverse ? lessThan(keys[b], keys[a], budget) : lessThan(keys[a], keys[b], budget);
    if (!less) outcome = tl::make_unexpected(less.error());
    return less.value_or(false);
  });
  if (!outcome) return tl::make_unexpected(outcome.error());
  std::vector<Value> out;
  for (const std::size_t i : order) out.push_back(all[i]);
  return out;
}

Result<Value> sort(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"reverse", "case_sensitive", "attribute"}));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  DELTASCOPE_ASSIGN(const auto keys, keysOf(all, given.get(2), given.flag(1), call.budget));
  DELTASCOPE_ASSIGN(auto ordered, sorted(all, keys, given.flag(0), call.budget));
  return makeList(call.budget, std::move(ordered));
}

Result<Value> dictSort(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"case_sensitive", "by", "reverse"}));
  DELTASCOPE_ASSIGN(const OriginText by, given.text(1, "key"));
  const auto* dict = dictOf(call.self);
  if (!dict) return call.refuse("is for a dict, not for a value of type " + std::string(typeName(call.self)));
  if (by.bytes() != "key" && by.bytes() != "value") return call.refuse("by must be key or value");
  std::vector<Value> pairs, keys;
  for (const auto& [key, value] : dict->entries) {
    pairs.push_back(makeSequence(call.budget, SequenceKind::Tuple, {key, value}));
    const Value& part = by.bytes() == "key" ? key : value;
    keys.push_back(given.flag(0) ? part : lowered(part, call.budget));
  }
  DELTASCOPE_ASSIGN(auto ordered, sorted(pairs, keys, given.flag(2), call.budget));
  return makeList(call.budget, std::move(ordered));
}

template <bool largest>
Result<Value> extreme(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"case_sensitive", "attribute"}));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  DELTASCOPE_ASSIGN(const auto keys, keysOf(all, given.get(1), given.flag(0), call.budget));
  if (keys.empty()) return makeUndefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const auto better = largest ? lessThan(keys[best], keys[i], call.budget) : lessThan(keys[i], keys[best], call.budget);
    if (!better) return tl::make_unexpected(better.error());
    if (*better) best = i;
  }
  return all[best];
}

Result<Value> unique(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"case_sensitive", "attribute"}));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  DELTASCOPE_ASSIGN(const auto keys, keysOf(all, given.get(1), given.flag(0), call.budget));
  std::vector<Value> kept, seen;
  for (std::size_t i = 0; i < keys.size() && !call.budget.exceeded(); ++i) {
    if (!isHashable(keys[i])) return call.refuse("a value of type " + std::string(typeName(keys[i])) + " is not hashable");
    const auto known = [&](const Value& key) { return equals(key, keys[i], call.budget); };
    if (std::any_of(seen.begin(), seen.end(), known)) continue;
    seen.push_back(keys[i]);
    kept.push_back(all[i]);
  }
  return iterator(call.budget, std::move(kept));
}

/// Pairs of a key and the items that have it, by ascending keys.
Result<Value> groupBy(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"attribute", "default", "case_sensitive"}, 1));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  const Value* instead = given.get(1) && !is<None>(*given.get(1)) ? given.get(1) : nullptr;
  std::vector<Value> real, keys;
  for (const Value& item : all) {
    DELTASCOPE_ASSIGN(Value key, deepItem(item, *given.get(0), call.budget, instead));
    keys.push_back(given.flag(2) ? key : lowered(key, call.budget));
    real.push_back(std::move(key));
  }
  std::vector<Value> order;
  for (std::size_t i = 0; i < all.size(); ++i) order.emplace_back(static_cast<std::int64_t>(i));
  DELTASCOPE_ASSIGN(order, sorted(order, keys, false, call.budget));
  std::vector<Value> groups, members;
  const auto indexOf = [&](std::size_t place) { return static_cast<std::size_t>(*integerOf(order[place])); };
  std::size_t first = 0;
  for (std::size_t i = 0; i < order.size() && !call.budget.exceeded(); ++i) {
    members.push_back(all[indexOf(i)]);
    if (i + 1 < order.size() && equals(keys[indexOf(i)], keys[indexOf(i + 1)], call.budget)) continue;
    const Value list = makeList(call.budget, std::exchange(members, {}));
    const Value group = makeSequence(call.budget, SequenceKind::Tuple, {real[indexOf(first)], list});
    if (const auto* made = std::get_if<SequenceRef>(&group)) {
      Sequence named = {
          SequenceKind::Tuple, (*made)->items, {}, (*made)->nesting, Charge(call.budget, sizeof(Sequence)), 0, true};
      groups.emplace_back(SequenceRef(std::make_shared<Sequence>(std::move(named))));
    }
    first = i + 1;
  }
  return makeList(call.budget, std::move(groups));
}

constexpr BuiltinRow kFilters[] = {{"dictsort", dictSort},  {"groupby", groupBy}, {"max", extreme<true>},
                                   {"min", extreme<false>}, {"sort", sort},       {"unique", unique}};

}  // namespace

Builtin findOrderFilter(std::string_view name) {
  for (const auto& [known, filter] : kFilters)
    if (known == name) return filter;
  return nullptr;
}

}  // namespace deltascope::jinja
