// SPDX-License-Identifier: Apache-2.0
// Equality and order as Python has them: bool is a number, a list is no tuple, dicts compare without their order.
#include <algorithm>
#include <cmath>

#include "core/text/jinja/value.h"

namespace deltascope::jinja {
namespace {

// int and float exactly: a double that holds an integer compares as that integer.
bool equalNumbers(const Value& a, const Value& b) {
  const auto x = integerOf(a), y = integerOf(b);
  if (x && y) return *x == *y;
  if (!x && !y) return *numberOf(a) == *numberOf(b);
  const double real = x ? *numberOf(b) : *numberOf(a);
  const std::int64_t whole = x ? *x : *y;
  return std::abs(real) < 0x1p63 && std::trunc(real) == real && static_cast<std::int64_t>(real) == whole;
}

bool comparesAsList(const Sequence& s) { return s.kind == SequenceKind::List || s.kind == SequenceKind::Tuple; }

bool equalSequences(const Sequence& a, const Sequence& b, Budget& budget) {
  if (a.kind != b.kind || a.kind == SequenceKind::Iterator || a.kind == SequenceKind::Values) return false;
  if (a.items.size() != b.items.size()) return false;
  if (a.kind == SequenceKind::Keys || a.kind == SequenceKind::Items)
    return std::all_of(a.items.begin(), a.items.end(), [&](const Value& x) {
      return std::any_of(b.items.begin(), b.items.end(), [&](const Value& y) { return equals(x, y, budget); });
    });
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!equals(a.items[i], b.items[i], budget)) return false;
  return true;
}

bool equalDicts(const Dict& a, const Dict& b, Budget& budget) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& entry : a.entries) {
    const Value* other = find(b, entry.first, budget);
    if (!other || !equals(entry.second, *other, budget)) return false;
  }
  return true;
}

struct Same {
  const Value& other;
  bool operator()(const Undefined& x) const { return x.why == std::get<Undefined>(other).why; }
  bool operator()(const None&) const { return true; }
  template <class T>
  bool operator()(const T& x) const {
    return x == std::get<T>(other);
  }
};

}  // namespace

bool same(const Value& a, const Value& b) { return a.index() == b.index() && std::visit(Same{b}, a); }

bool equals(const Value& a, const Value& b, Budget& budget) {
  if (!budget.spend(1)) return false;
  if (numberOf(a) && numberOf(b)) return equalNumbers(a, b);
  if (a.index() != b.index()) return false;
  if (is<Undefined>(a)) return true;
  if (const auto* x = textOf(a)) {
    const auto* y = textOf(b);
    budget.spend(std::min(x->size(), y->size()) / 64);
    return x->bytes() == y->bytes();
  }
  if (same(a, b)) return true;
  if (const auto* x = sequenceOf(a)) return equalSequences(*x, *sequenceOf(b), budget);
  if (const auto* x = dictOf(a)) return equalDicts(*x, *dictOf(b), budget);
  return false;
}

Result<bool> lessThan(const Value& a, const Value& b, Budget& budget) {
  budget.spend(1);
  if (is<Undefined>(a)) return undefinedError(a);
  if (is<Undefined>(b)) return undefinedError(b);
  if (const auto x = integerOf(a), y = integerOf(b); x && y) return *x < *y;
  if (const auto x = numberOf(a), y = numberOf(b); x && y) return *x < *y;
  const auto *s = textOf(a), *t = textOf(b);
  if (s && t) {
    budget.spend(std::min(s->size(), t->size()) / 64);
    return s->bytes() < t->bytes();  // UTF-8 orders as code points do
  }
  const auto *x = sequenceOf(a), *y = sequenceOf(b);
  if (x && y && x->kind == y->kind && comparesAsList(*x)) {
    const std::size_t n = std::min(x->items.size(), y->items.size());
    for (std::size_t i = 0; i < n && !budget.exceeded(); ++i)
      if (!equals(x->items[i], y->items[i], budget)) return lessThan(x->items[i], y->items[i], budget);
    return x->items.size() < y->items.size();
  }
  return typeError("values of type " + std::string(typeName(a)) + " and " + std::string(typeName(b)) + " have no order");
}

}  // namespace deltascope::jinja
