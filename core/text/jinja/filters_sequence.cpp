// SPDX-License-Identifier: Apache-2.0
// The filters over lists and dicts. Where Jinja returns a generator, so do these: it is true, has no length, and is used up.
#include <algorithm>

#include "core/text/jinja/filters.h"
#include "core/text/jinja/numbers.h"
#include "core/text/jinja/show.h"
#include "core/text/jinja/text_operations.h"

namespace deltascope::jinja {

Value iterator(Budget& budget, std::vector<Value> items) {
  return makeSequence(budget, SequenceKind::Iterator, std::move(items));
}

Result<Value> deepItem(const Value& item, const Value& path, Budget& budget, const Value* fallback) {
  const auto orFallback = [fallback](Value value) { return fallback && is<Undefined>(value) ? *fallback : value; };
  const auto* text = textOf(path);
  if (!text) {
    DELTASCOPE_ASSIGN(Value found, itemOf(item, path, budget));
    return orFallback(std::move(found));
  }
  Value at = item;
  const std::string_view names = text->bytes();
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find('.', begin), names.size());
    const std::string_view name = names.substr(begin, end - begin);
    const bool isIndex = !name.empty() && name.size() < 18 && name.find_first_not_of("0123456789") == std::string_view::npos;
    Value key;
    if (isIndex) {
      DELTASCOPE_ASSIGN(const auto index, parseInteger(name, 10));
      key = *index;
    } else {
      key = makeText(budget, name, Origin::Template);
    }
    budget.spend(1);
    DELTASCOPE_ASSIGN(at, itemOf(at, key, budget));
    at = orFallback(std::move(at));
    begin = end + 1;
  }
  return at;
}

Result<std::vector<Value>> items(const Call& call) {
  auto found = iterate(call.self, call.budget);
  if (!found) return call.refuse(found.error().message);
  return found;
}

namespace {

Result<Value> length(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  if (const auto n = lengthOf(call.self, call.budget)) return *n;
  return call.refuse("a value of type " + std::string(typeName(call.self)) + " has no length");
}

Result<Value> fallback(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"default_value", "boolean"}));
  if (!is<Undefined>(call.self) && !(given.flag(1) && !truthy(call.self))) return call.self;
  return given.get(0) ? *given.get(0) : makeText(call.budget, {}, Origin::Template);
}

Result<Value> first(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  if (const auto* sequence = sequenceOf(call.self)) {
    if (sequence->next >= sequence->items.size()) return makeUndefined("No first item, sequence was empty.");
    const auto& item = sequence->items[sequence->next];
    if (sequence->kind == SequenceKind::Iterator) ++sequence->next;
    return item;
  }
  DELTASCOPE_ASSIGN(const auto all, items(call));
  return all.empty() ? makeUndefined("No first item, sequence was empty.") : all.front();
}

Result<Value> last(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  const auto* sequence = sequenceOf(call.self);
  if (sequence && sequence->kind == SequenceKind::Iterator) return call.refuse("a generator has no last item; use list first");
  if (sequence) return sequence->items.empty() ? makeUndefined("No last item, sequence was empty.") : sequence->items.back();
  DELTASCOPE_ASSIGN(const auto all, items(call));
  return all.empty() ? makeUndefined("No last item, sequence was empty.") : all.back();
}

Result<Value> list(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  DELTASCOPE_ASSIGN(auto all, items(call));
  return makeList(call.budget, std::move(all));
}

Result<Value> join(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"d", "attribute"}));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  const Value separator = given.get(0) ? toText(*given.get(0), call.budget) : makeText(call.budget, {}, Origin::Template);
  TextBuilder out(call.budget);
  for (std::size_t i = 0; i < all.size() && !out.full(); ++i) {
    if (i > 0) out.add(*textOf(separator));
    if (given.get(1) && !is<None>(*given.get(1))) {
      DELTASCOPE_ASSIGN(const Value item, deepItem(all[i], *given.get(1), call.budget));
      show(item, out);
    } else {
      show(all[i], out);
    }
  }
  return out.finish();
}

/// The rest of the arguments, from the one with this index on, as they go to another filter or test.
Arguments argumentsFrom(const Call& call, std::size_t first) {
  Arguments rest;
  const auto& all = call.args.positional;
  rest.positional.assign(all.begin() + static_cast<std::ptrdiff_t>(std::min(first, all.size())), all.end());
  rest.named = call.args.named;
  return rest;
}

Result<Value> map(Call& call) {
  std::vector<Value> mapped;
  if (call.args.positional.empty()) {
    DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"attribute", "default"}, 1));
    DELTASCOPE_ASSIGN(const auto all, items(call));
    const Value* instead = given.get(1) && !is<None>(*given.get(1)) ? given.get(1) : nullptr;
    for (const Value& item : all) {
      DELTASCOPE_ASSIGN(Value value, deepItem(item, *given.get(0), call.budget, instead));
      mapped.push_back(std::move(value));
    }
    return iterator(call.budget, std::move(mapped));
  }
  const auto* name = textOf(call.args.positional[0]);
  const Builtin filter = name ? findFilter(name->bytes()) : nullptr;
  if (!filter) return call.unsupported("the filter " + (name ? printable(name->bytes(), 60) : "") + " is not supported");
  const Depth depth(call.budget);  // map('map', 'map', …)
  if (call.budget.exceeded()) return None{};
  const Arguments rest = argumentsFrom(call, 1);
  call.budget.spend(rest.positional.size());
  DELTASCOPE_ASSIGN(const auto all, items(call));
  for (const Value& item : all) {
    if (call.budget.exceeded()) break;
    Call each{call.runtime, call.budget, name->bytes(), item, rest};
    DELTASCOPE_ASSIGN(Value value, filter(each));
    mapped.push_back(std::move(value));
  }
  return iterator(call.budget, std::move(mapped));
}

/// select, reject, selectattr, rejectattr
template <bool keeps, bool byAttribute>
Result<Value> select(Call& call) {
  constexpr std::size_t kName = byAttribute ? 1 : 0;
  if (byAttribute && call.args.positional.empty()) return call.refuse("needs the name of an attribute");
  Builtin test = nullptr;
  std::string_view testName;
  if (call.args.positional.size() > kName) {
    const auto* name = textOf(call.args.positional[kName]);
    test = name ? findTest(name->bytes()) : nullptr;
    if (!test) return call.unsupported("the test " + (name ? printable(name->bytes(), 60) : "") + " is not supported");
    testName = name->bytes();
  }
  const Arguments rest = argumentsFrom(call, kName + 1);
  DELTASCOPE_ASSIGN(const auto all, items(call));
  std::vector<Value> kept;
  for (const Value& item : all) {
    Value tested = item;
    if (byAttribute) {
      DELTASCOPE_ASSIGN(tested, deepItem(item, call.args.positional[0], call.budget));
    }
    bool holds = truthy(tested);
    if (test) {
      Call each{call.runtime, call.budget, testName, tested, rest};
      DELTASCOPE_ASSIGN(const Value outcome, test(each));
      holds = truthy(outcome);
    }
    if (holds == keeps) kept.push_back(item);
  }
  return iterator(call.budget, std::move(kept));
}

Result<Value> sum(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"attribute", "start"}));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  Value total = given.get(1) ? *given.get(1) : Value(std::int64_t{0});
  for (const Value& item : all) {
    Value part = item;
    if (given.get(0) && !is<None>(*given.get(0))) {
      DELTASCOPE_ASSIGN(part, deepItem(item, *given.get(0), call.budget));
    }
    DELTASCOPE_ASSIGN(total, binaryOperation(Op::Add, total, part, call.budget));
  }
  return total;
}

Result<Value> reverse(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  if (is<StringRef>(call.self)) {
    const Value step = std::int64_t{-1};
    return sliceOf(call.self, nullptr, nullptr, &step, call.budget);
  }
  const auto* sequence = sequenceOf(call.self);
  const bool wasGenerator = sequence && sequence->kind == SequenceKind::Iterator;
  DELTASCOPE_ASSIGN(auto all, items(call));
  std::reverse(all.begin(), all.end());
  return wasGenerator ? makeList(call.budget, std::move(all)) : iterator(call.budget, std::move(all));
}

Result<Value> pairs(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  const auto* dict = dictOf(call.self);
  if (!dict && !is<Undefined>(call.self)) return call.refuse("only a mapping has item pairs");
  std::vector<Value> all;
  if (dict)
    for (const auto& [key, value] : dict->entries) all.push_back(makeSequence(call.budget, SequenceKind::Tuple, {key, value}));
  return iterator(call.budget, std::move(all));
}

Result<Value> batch(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"linecount", "fill_with"}, 1));
  DELTASCOPE_ASSIGN(const auto size, given.integer(0, 1));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  const bool fills = given.get(1) && !is<None>(*given.get(1));
  if (size > kMostRange) return call.unsupported("more than 100000 items in a line are not supported");
  std::vector<Value> lines, line;
  for (const Value& item : all) {
    if (static_cast<std::int64_t>(line.size()) == size) lines.push_back(makeList(call.budget, std::exchange(line, {})));
    line.push_back(item);
  }
  if (!line.empty()) {
    while (fills && static_cast<std::int64_t>(line.size()) < size) line.push_back(*given.get(1));
    lines.push_back(makeList(call.budget, std::move(line)));
  }
  return iterator(call.budget, std::move(lines));
}

Result<Value> slice(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"slices", "fill_with"}, 1));
  DELTASCOPE_ASSIGN(const auto slices, given.integer(0, 1));
  DELTASCOPE_ASSIGN(const auto all, items(call));
  if (slices == 0) return call.refuse("there cannot be 0 slices");
  if (slices > kMostRange) return call.unsupported("more than 100000 slices are not supported");
  const bool fills = given.get(1) && !is<None>(*given.get(1));
  std::vector<Value> lists;
  const auto n = static_cast<std::int64_t>(all.size());
  std::int64_t begin = 0;
  for (std::int64_t i = 0; i < slices && call.budget.spend(1); ++i) {
    const bool longer = i < n % slices;
    const std::int64_t end = begin + n / slices + (longer ? 1 : 0);
    std::vector<Value> list(all.begin() + begin, all.begin() + end);
    if (fills && !longer) list.push_back(*given.get(1));
    lists.push_back(makeList(call.budget, std::move(list)));
    begin = end;
  }
  return iterator(call.budget, std::move(lists));
}

Result<Value> attribute(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"name"}, 1));
  DELTASCOPE_ASSIGN(const OriginText name, given.text(0, {}));
  const bool isDict = is<DictRef>(call.self);  // |attr never looks at items
  if (isDict && !findMethod(call.self, name.bytes()))
    return makeUndefined("'dict object' has no attribute '" + name.bytes() + "'");
  return attributeOf(call.self, name.bytes(), call.budget);
}

constexpr BuiltinRow kFilters[] = {{"attr", attribute},
                                   {"batch", batch},
                                   {"count", length},
                                   {"d", fallback},
                                   {"default", fallback},
                                   {"first", first},
                                   {"items", pairs},
                                   {"join", join},
                                   {"last", last},
                                   {"length", length},
                                   {"list", list},
                                   {"map", map},
                                   {"reject", select<false, false>},
                                   {"rejectattr", select<false, true>},
                                   {"reverse", reverse},
                                   {"select", select<true, false>},
                                   {"selectattr", select<true, true>},
                                   {"slice", slice},
                                   {"sum", sum}};

}  // namespace

Builtin findSequenceFilter(std::string_view name) {
  for (const auto& [known, filter] : kFilters)
    if (known == name) return filter;
  return nullptr;
}

}  // namespace deltascope::jinja
