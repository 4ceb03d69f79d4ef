// SPDX-License-Identifier: Apache-2.0
// The tests: "x is defined" and its like.
#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

template <bool (*holds)(const Value&)>
Result<Value> simple(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return holds(call.self);
}

bool isDefined(const Value& v) { return !is<Undefined>(v); }
bool isUndefined(const Value& v) { return is<Undefined>(v); }
bool isNone(const Value& v) { return is<None>(v); }
bool isString(const Value& v) { return is<StringRef>(v); }
bool isMapping(const Value& v) { return is<DictRef>(v); }
bool isIterable(const Value& v) {
  return is<Undefined>(v) || is<StringRef>(v) || is<SequenceRef>(v) || is<DictRef>(v) || is<LoopRef>(v);
}
bool isSequence(const Value& v) {
  const auto* s = sequenceOf(v);
  return is<Undefined>(v) || is<StringRef>(v) || is<DictRef>(v) ||
         (s && (s->kind == SequenceKind::List || s->kind == SequenceKind::Tuple || s->kind == SequenceKind::Range));
}
bool isNumber(const Value& v) { return numberOf(v).has_value(); }
bool isInteger(const Value& v) { return is<std::int64_t>(v); }
bool isFloat(const Value& v) { return is<double>(v); }
bool isBoolean(const Value& v) { return is<bool>(v); }
bool isTrue(const Value& v) { return is<bool>(v) && std::get<bool>(v); }
bool isFalse(const Value& v) { return is<bool>(v) && !std::get<bool>(v); }
bool isCallable(const Value& v) { return is<CallableRef>(v) || is<LoopRef>(v) || is<Undefined>(v); }

Result<std::int64_t> remainder(const Call& call, const Value& divisor) {
  DELTASCOPE_ASSIGN(const Value rest, binaryOperation(Op::Modulo, call.self, divisor, call.budget));
  if (const auto whole = integerOf(rest)) return *whole;
  if (const auto real = numberOf(rest)) return *real == 0 ? 0 : *real == 1 ? 1 : 2;
  return call.refuse("is for numbers");
}

template <int rest>
Result<Value> parity(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  if (is<StringRef>(call.self)) return call.refuse("is for numbers");
  DELTASCOPE_ASSIGN(const auto found, remainder(call, std::int64_t{2}));
  return found == rest;
}

Result<Value> isDivisible(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"num"}, 1));
  if (is<StringRef>(call.self)) return call.refuse("is for numbers");
  DELTASCOPE_ASSIGN(const auto found, remainder(call, *given.get(0)));
  return found == 0;
}

template <Op op>
Result<Value> compared(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"other"}, 1));
  DELTASCOPE_ASSIGN(const bool holds, compareValues(op, call.self, *given.get(0), call.budget));
  return holds;
}

Result<Value> isSame(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"other"}, 1));
  return same(call.self, *given.get(0));
}

/// All cased characters are of this case, and there is one.
template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Result<Value> isCase(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  const Value text = toText(call.self, call.budget);
  bool some = false, others = false;
  call.budget.spend(textOf(text)->size() / 4);
  forEachCharacter(textOf(text)->bytes(), [&](std::size_t, std::size_t, char32_t c) {
    some |= wanted(c);
    others |= other(c) || isTitle(c);
  });
  return some && !others;
}

Result<Value> isFilter(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return textOf(call.self) && findFilter(textOf(call.self)->bytes());
}
Result<Value> isTest(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return textOf(call.self) && findTest(textOf(call.self)->bytes());
}

constexpr BuiltinRow kTests[] = {{"defined", simple<isDefined>},
                                 {"undefined", simple<isUndefined>},
                                 {"none", simple<isNone>},
                                 {"string", simple<isString>},
                                 {"mapping", simple<isMapping>},
                                 {"iterable", simple<isIterable>},
                                 {"sequence", simple<isSequence>},
                                 {"number", simple<isNumber>},
                                 {"integer", simple<isInteger>},
                                 {"float", simple<isFloat>},
                                 {"boolean", simple<isBoolean>},
                                 {"true", simple<isTrue>},
                                 {"false", simple<isFalse>},
                                 {"callable", simple<isCallable>},
                                 {"odd", parity<1>},
                                 {"even", parity<0>},
                                 {"divisibleby", isDivisible},
                                 {"sameas", isSame},
                                 {"lower", isCase<isLower, isUpper>},
                                 {"upper", isCase<isUpper, isLower>},
                                 {"filter", isFilter},
                                 {"test", isTest},
                                 {"in", compared<Op::In>},
                                 {"==", compared<Op::Equal>},
                                 {"eq", compared<Op::Equal>},
                                 {"equalto", compared<Op::Equal>},
                                 {"!=", compared<Op::Unequal>},
                                 {"ne", compared<Op::Unequal>},
                                 {"<", compared<Op::Less>},
                                 {"lt", compared<Op::Less>},
                                 {"lessthan", compared<Op::Less>},
                                 {"<=", compared<Op::LessEqual>},
                                 {"le", compared<Op::LessEqual>},
                                 {">", compared<Op::Greater>},
                                 {"gt", compared<Op::Greater>},
                                 {"greaterthan", compared<Op::Greater>},
                                 {">=", compared<Op::GreaterEqual>},
                                 {"ge", compared<Op::GreaterEqual>}};

}  // namespace

Builtin findTest(std::string_view name) {
  for (const auto& [known, test] : kTests)
    if (known == name) return test;
  return nullptr;
}

}  // namespace deltascope::jinja
