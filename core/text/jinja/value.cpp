// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/value.h"

#include <algorithm>

#include "core/text/jinja/characters.h"

namespace deltascope::jinja {
namespace {

constexpr std::size_t kIndexFrom = 9;  // smaller dicts are searched one by one

unsigned nestingAbove(const std::vector<Value>& items) {
  unsigned most = 0;
  for (const Value& item : items) most = std::max(most, nestingOf(item));
  return most + 1;
}

bool checkNesting(Budget& budget, unsigned nesting) {
  if (nesting > kMostListNesting) budget.exceed("nests lists deeper than " + std::to_string(kMostListNesting));
  return nesting <= kMostListNesting;
}

}  // namespace

Value makeText(Budget& budget, OriginText text) {
  Charge charge(budget, sizeof(String) + text.size());
  return StringRef(std::make_shared<String>(String{std::move(text), std::move(charge)}));
}

Value makeText(Budget& budget, std::string_view bytes, Origin origin) {
  return makeText(budget, OriginText(std::string(bytes), origin));
}

Value makeSequence(Budget& budget, SequenceKind kind, std::vector<Value> items) {
  const unsigned nesting = nestingAbove(items);
  if (!checkNesting(budget, nesting)) return None{};
  Charge charge(budget, sizeof(Sequence) + items.size() * sizeof(Value));
  return SequenceRef(std::make_shared<Sequence>(Sequence{kind, std::move(items), {}, nesting, std::move(charge), 0}));
}

Value makeUndefined(std::string why) { return Undefined{std::make_shared<const std::string>(std::move(why))}; }

void DictBuilder::set(Value key, Value value) {
  auto& dict = *m_dict;
  if (const Value* known = find(dict, key, m_budget)) {
    const_cast<Value&>(*known) = std::move(value);  // an entry of m_dict, which is still ours alone
    return;
  }
  if (m_budget.exceeded()) return;
  dict.nesting = std::max({dict.nesting, nestingOf(key) + 1, nestingOf(value) + 1});
  dict.entries.emplace_back(std::move(key), std::move(value));
  const std::size_t n = dict.entries.size();
  if (n < kIndexFrom) return;
  for (std::size_t i = n == kIndexFrom ? 0 : n - 1; i < n; ++i)
    if (const auto* text = textOf(dict.entries[i].first)) dict.index.emplace(text->bytes(), i);
}

Value DictBuilder::finish() {
  if (!checkNesting(m_budget, m_dict->nesting)) return None{};
  auto& from = *m_dict;
  Charge charge(m_budget, sizeof(Dict) + from.entries.size() * sizeof(Dict::Entry));
  return DictRef(std::make_shared<Dict>(Dict{std::move(from.entries), std::move(from.index), from.nesting, std::move(charge)}));
}

const OriginText* textOf(const Value& value) {
  const auto* string = std::get_if<StringRef>(&value);
  return string ? &(*string)->text : nullptr;
}

const Sequence* sequenceOf(const Value& value) {
  const auto* sequence = std::get_if<SequenceRef>(&value);
  return sequence ? sequence->get() : nullptr;
}

const Dict* dictOf(const Value& value) {
  const auto* dict = std::get_if<DictRef>(&value);
  return dict ? dict->get() : nullptr;
}

const Sequence* listOf(const Value& value) {
  const auto* sequence = sequenceOf(value);
  return sequence && (sequence->kind == SequenceKind::List || sequence->kind == SequenceKind::Tuple) ? sequence : nullptr;
}

std::optional<std::int64_t> integerOf(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  return std::nullopt;
}

std::optional<double> numberOf(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto integer = integerOf(value)) return static_cast<double>(*integer);
  return std::nullopt;
}

unsigned nestingOf(const Value& value) {
  if (const auto* sequence = sequenceOf(value)) return sequence->nesting;
  if (const auto* dict = dictOf(value)) return dict->nesting;
  if (const auto* callable = std::get_if<CallableRef>(&value)) return nestingOf((*callable)->self) + 1;
  if (const auto* loop = std::get_if<LoopRef>(&value)) return (*loop)->items->nesting + 1;
  return 0;
}

std::string_view typeName(const Value& value) {
  static constexpr std::string_view kKinds[] = {"list",        "tuple",      "range",    "dict_keys",
                                                "dict_values", "dict_items", "generator"};
  struct Namer {
    std::string_view operator()(const Undefined&) const { return "Undefined"; }
    std::string_view operator()(const None&) const { return "NoneType"; }
    std::string_view operator()(bool) const { return "bool"; }
    std::string_view operator()(std::int64_t) const { return "int"; }
    std::string_view operator()(double) const { return "float"; }
    std::string_view operator()(const StringRef&) const { return "str"; }
    std::string_view operator()(const SequenceRef& s) const { return kKinds[static_cast<std::size_t>(s->kind)]; }
    std::string_view operator()(const DictRef&) const { return "dict"; }
    std::string_view operator()(const NamespaceRef&) const { return "Namespace"; }
    std::string_view operator()(const CallableRef& c) const { return c->macro ? "Macro" : "function"; }
    std::string_view operator()(const LoopRef&) const { return "LoopContext"; }
  };
  return std::visit(Namer{}, value);
}

bool truthy(const Value& value) {
  if (is<Undefined>(value) || is<None>(value)) return false;
  if (const auto number = numberOf(value)) return *number != 0;
  if (const auto* text = textOf(value)) return !text->empty();
  if (const auto* sequence = sequenceOf(value)) return sequence->kind == SequenceKind::Iterator || !sequence->items.empty();
  if (const auto* dict = dictOf(value)) return !dict->entries.empty();
  return true;
}

bool isHashable(const Value& value) {
  if (is<DictRef>(value)) return false;
  const auto* sequence = sequenceOf(value);
  if (!sequence || sequence->kind == SequenceKind::Iterator || sequence->kind == SequenceKind::Range) return true;
  return sequence->kind == SequenceKind::Tuple && std::all_of(sequence->items.begin(), sequence->items.end(), isHashable);
}

std::optional<std::int64_t> lengthOf(const Value& value, Budget& budget) {
  if (is<Undefined>(value)) return 0;
  if (const auto* text = textOf(value)) {
    budget.spend(text->size() / 64);
    return static_cast<std::int64_t>(countCharacters(text->bytes()));
  }
  if (const auto* dict = dictOf(value)) return static_cast<std::int64_t>(dict->entries.size());
  if (const auto* loop = std::get_if<LoopRef>(&value)) return static_cast<std::int64_t>((*loop)->items->items.size());
  const auto* sequence = sequenceOf(value);
  if (!sequence || sequence->kind == SequenceKind::Iterator) return std::nullopt;
  return static_cast<std::int64_t>(sequence->items.size());
}

const Value* find(const Dict& dict, std::string_view key, Budget& budget) {
  budget.spend(1 + key.size() / 64);
  if (dict.entries.size() >= kIndexFrom) {
    const auto entry = dict.index.find(key);
    return entry == dict.index.end() ? nullptr : &dict.entries[entry->second].second;
  }
  for (const auto& entry : dict.entries)
    if (const auto* text = textOf(entry.first); text && text->bytes() == key) return &entry.second;
  return nullptr;
}

const Value* find(const Dict& dict, const Value& key, Budget& budget) {
  if (const auto* text = textOf(key)) return find(dict, text->bytes(), budget);
  for (const auto& entry : dict.entries)
    if (equals(entry.first, key, budget)) return &entry.second;
  return nullptr;
}

Result<std::vector<Value>> iterate(const Value& value, Budget& budget) {
  std::vector<Value> items;
  if (is<Undefined>(value)) return items;
  if (const auto* sequence = sequenceOf(value)) {
    const auto from = static_cast<std::ptrdiff_t>(sequence->next);
    if (sequence->kind == SequenceKind::Iterator) sequence->next = sequence->items.size();
    items.assign(sequence->items.begin() + from, sequence->items.end());
  } else if (const auto* dict = dictOf(value)) {
    items.reserve(dict->entries.size());
    for (const auto& entry : dict->entries) items.push_back(entry.first);
  } else if (const auto* text = textOf(value)) {
    if (!budget.fits(text->size() * (sizeof(Value) + sizeof(String)))) return items;
    forEachCharacter(text->bytes(), [&](std::size_t begin, std::size_t end, char32_t) {
      items.push_back(makeText(budget, text->slice(begin, end)));
    });
  } else {
    return typeError("a value of type " + std::string(typeName(value)) + " is not iterable");
  }
  budget.spend(items.size());
  return items;
}

tl::unexpected<Error> undefinedError(const Value& value) {
  const auto& why = std::get<Undefined>(value).why;
  return fail(ErrorCode::Corrupt, why ? *why : "the value is undefined", "the messages may lack what this template needs");
}

tl::unexpected<Error> typeError(std::string what) { return fail(ErrorCode::Corrupt, std::move(what)); }

}  // namespace deltascope::jinja
