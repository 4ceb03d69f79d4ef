// SPDX-License-Identifier: Apache-2.0
// Python's operators over its types.
#include <cmath>

#include "core/text/jinja/builtins.h"
#include "core/text/jinja/numbers.h"
#include "core/text/jinja/text_operations.h"

namespace deltascope::jinja {
namespace {

constexpr std::string_view kSigns[] = {"+",   "-",  "*",  "/", "//", "%", "**", "-",  "+",
                                       "not", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

constexpr std::size_t kRepeatedAtOnce = 4096;  // bytes

tl::unexpected<Error> unfit(Op op, const Value& a, const Value& b) {
  return typeError("the operator " + std::string(kSigns[static_cast<std::size_t>(op)]) + " is not for values of type " +
                   std::string(typeName(a)) + " and " + std::string(typeName(b)));
}

tl::unexpected<Error> divisionByZero() { return typeError("division by zero"); }

Result<Value> power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return divisionByZero();
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  std::int64_t product = 1;
  while (exponent > 0) {
    if (exponent & 1 && __builtin_mul_overflow(product, base, &product)) return beyond64Bits();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return beyond64Bits();
  }
  return product;
}

Result<Value> ofIntegers(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case Op::Add:
      if (__builtin_add_overflow(a, b, &result)) return beyond64Bits();
      return result;
    case Op::Subtract:
      if (__builtin_sub_overflow(a, b, &result)) return beyond64Bits();
      return result;
    case Op::Multiply:
      if (__builtin_mul_overflow(a, b, &result)) return beyond64Bits();
      return result;
    case Op::Divide:
      if (b == 0) return divisionByZero();
      return static_cast<double>(a) / static_cast<double>(b);
    case Op::FloorDivide:
    case Op::Modulo: {
      if (b == 0) return divisionByZero();
      if (b == -1) {  // INT64_MIN / -1 has no result
        if (op == Op::Modulo) return std::int64_t{0};
        if (a == INT64_MIN) return beyond64Bits();
        return -a;
      }
      const std::int64_t rest = a % b;
      const bool down = rest != 0 && (rest < 0) != (b < 0);
      if (op == Op::Modulo) return down ? rest + b : rest;
      return a / b - (down ? 1 : 0);
    }
    default:
      return power(a, b);
  }
}

double floorModulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

Result<Value> ofReals(Op op, double a, double b) {
  switch (op) {
    case Op::Add:
      return a + b;
    case Op::Subtract:
      return a - b;
    case Op::Multiply:
      return a * b;
    case Op::Divide:
      if (b == 0) return divisionByZero();
      return a / b;
    case Op::FloorDivide:
      if (b == 0) return divisionByZero();
      return std::floor((a - floorModulo(a, b)) / b + 0.5);
    case Op::Modulo:
      if (b == 0) return divisionByZero();
      return floorModulo(a, b);
    default:
      if (a == 0 && b < 0) return divisionByZero();
      if (a < 0 && std::trunc(b) != b) return fail(ErrorCode::Unsupported, "a power that is a complex number is not supported");
      return std::pow(a, b);
  }
}

Result<Value> repeated(const Value& what, std::int64_t times, Budget& budget) {
  const std::size_t n = times > 0 ? static_cast<std::size_t>(times) : 0;
  if (const auto* text = textOf(what)) {
    if (n > 0 && text->size() > budget.limits().bytes / n) {
      budget.exceed("repeats a string beyond what memory it may use");
      return None{};
    }
    TextBuilder out(budget);
    if (text->empty()) return out.finish();
    OriginText block = *text;  // several at once: what is repeated is often one character
    std::size_t inBlock = 1;
    for (; inBlock <= n / 2 && block.size() < kRepeatedAtOnce; inBlock *= 2) block.append(OriginText(block));
    std::size_t left = n;
    for (; left >= inBlock && budget.spend(1); left -= inBlock) out.add(block);
    out.add(block, 0, left * text->size());
    return out.finish();
  }
  const auto& sequence = *listOf(what);
  std::vector<Value> items;
  if (n > 0 && sequence.items.size() > budget.limits().bytes / sizeof(Value) / n) {
    budget.exceed("repeats a list beyond what memory it may use");
    return None{};
  }
  if (!sequence.items.empty())
    for (std::size_t i = 0; i < n && budget.spend(sequence.items.size()); ++i)
      items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  return makeSequence(budget, sequence.kind, std::move(items));
}

Result<Value> joined(const Value& a, const Value& b, Budget& budget) {
  const auto *s = textOf(a), *t = textOf(b);
  if (s && t) {
    TextBuilder out(budget);
    out.add(*s);
    out.add(*t);
    return out.finish();
  }
  const auto *x = listOf(a), *y = listOf(b);
  if (!x || !y || x->kind != y->kind) return unfit(Op::Add, a, b);
  if (!budget.fits((x->items.size() + y->items.size()) * sizeof(Value))) return None{};
  auto items = x->items;
  items.insert(items.end(), y->items.begin(), y->items.end());
  budget.spend(items.size());
  return makeSequence(budget, x->kind, std::move(items));
}

}  // namespace

Result<Value> unaryOperation(Op op, const Value& of) {
  if (op == Op::Not) return !truthy(of);
  if (is<Undefined>(of)) return undefinedError(of);
  if (const auto* real = std::get_if<double>(&of)) return op == Op::Negate ? -*real : *real;
  const auto whole = integerOf(of);
  if (!whole) return typeError("a sign is not for a value of type " + std::string(typeName(of)));
  if (op == Op::Plus) return *whole;
  return ofIntegers(Op::Subtract, 0, *whole);
}

Result<Value> binaryOperation(Op op, const Value& a, const Value& b, Budget& budget) {
  if (is<Undefined>(a)) return undefinedError(a);
  if (op == Op::Modulo && is<StringRef>(a)) return formatPercent(*textOf(a), b, budget);
  if (is<Undefined>(b)) return undefinedError(b);
  const auto x = integerOf(a), y = integerOf(b);
  if (x && y) return ofIntegers(op, *x, *y);
  const auto p = numberOf(a), q = numberOf(b);
  if (p && q) return ofReals(op, *p, *q);
  if (op == Op::Add) return joined(a, b, budget);
  if (op == Op::Multiply) {
    if (y && (textOf(a) || listOf(a))) return repeated(a, *y, budget);
    if (x && (textOf(b) || listOf(b))) return repeated(b, *x, budget);
  }
  return unfit(op, a, b);
}

Result<bool> contains(const Value& container, const Value& item, Budget& budget) {
  if (const auto* text = textOf(container)) {
    const auto* part = textOf(item);
    if (!part) {
      if (is<Undefined>(item)) return undefinedError(item);
      return typeError("in a string only a string can be, not a value of type " + std::string(typeName(item)));
    }
    budget.spend((text->size() + part->size()) / 64);
    return findText(text->bytes(), part->bytes(), 0) != std::string_view::npos;
  }
  if (const auto* dict = dictOf(container)) {
    if (!isHashable(item)) return typeError("a value of type " + std::string(typeName(item)) + " is not hashable");
    return find(*dict, item, budget) != nullptr;
  }
  if (const auto* sequence = sequenceOf(container)) {
    const bool takes = sequence->kind == SequenceKind::Iterator;
    for (std::size_t i = sequence->next; i < sequence->items.size() && !budget.exceeded(); ++i) {
      if (takes) sequence->next = i + 1;
      if (equals(sequence->items[i], item, budget)) return true;
    }
    return false;
  }
  if (is<Undefined>(container)) return false;
  return typeError("a value of type " + std::string(typeName(container)) + " holds nothing (in)");
}

Result<bool> compareValues(Op op, const Value& a, const Value& b, Budget& budget) {
  switch (op) {
    case Op::Equal:
      return equals(a, b, budget);
    case Op::Unequal:
      return !equals(a, b, budget);
    case Op::Less:
      return lessThan(a, b, budget);
    case Op::Greater:
      return lessThan(b, a, budget);
    case Op::LessEqual:
    case Op::GreaterEqual: {
      const bool up = op == Op::LessEqual;
      DELTASCOPE_ASSIGN(const bool less, lessThan(up ? a : b, up ? b : a, budget));
      return less || equals(a, b, budget);
    }
    case Op::In:
      return contains(b, a, budget);
    default: {
      DELTASCOPE_ASSIGN(const bool in, contains(b, a, budget));
      return !in;
    }
  }
}

}  // namespace deltascope::jinja
