// SPDX-License-Identifier: Apache-2.0
// The filters that make text or numbers.
#include <algorithm>
#include <cmath>

#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/numbers.h"
#include "core/text/jinja/show.h"
#include "core/text/jinja/text_operations.h"

namespace deltascope::jinja {
namespace {

constexpr std::int64_t kMostIndent = 1000;

const OriginText& asText(const Value& value, Budget& budget, Value& keep) {
  keep = toText(value, budget);
  return *textOf(keep);
}

template <Case to>
Result<Value> changeCaseFilter(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  Value keep;
  return changeCase(asText(call.self, call.budget, keep), to, call.budget);
}

Result<Value> title(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  Value keep;
  return titleWords(asText(call.self, call.budget, keep), call.budget);
}

Result<Value> trim(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"chars"}));
  Value keep;
  const OriginText& text = asText(call.self, call.budget, keep);
  if (!given.get(0) || is<None>(*given.get(0))) return makeText(call.budget, strip(text, true, true, nullptr, call.budget));
  DELTASCOPE_ASSIGN(const OriginText chars, given.text(0, {}));
  return makeText(call.budget, strip(text, true, true, &chars, call.budget));
}

Result<Value> replace(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"old", "new", "count"}, 2));
  Value keep, keepOld, keepNew;
  std::int64_t most = -1;
  if (given.get(2) && !is<None>(*given.get(2))) {
    DELTASCOPE_ASSIGN(most, given.integer(2, -1));
  }
  return replaceText(asText(call.self, call.budget, keep), asText(*given.get(0), call.budget, keepOld),
                     asText(*given.get(1), call.budget, keepNew), most, call.budget);
}

Result<Value> string(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return toText(call.self, call.budget);
}

Result<Value> safe(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return is<StringRef>(call.self) ? call.self : toText(call.self, call.budget);
}

Result<Value> indent(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"width", "first", "blank"}));
  OriginText indention(std::string(4, ' '), Origin::Template);
  if (given.get(0) && textOf(*given.get(0))) {
    indention = *textOf(*given.get(0));
  } else {
    DELTASCOPE_ASSIGN(const auto width, given.integer(0, 4));
    if (width > kMostIndent) return call.unsupported("a width of more than 1000 is not supported");
    indention = OriginText(std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' '), Origin::Template);
  }
  if (!textOf(call.self)) return call.refuse("is for a str, not for a value of type " + std::string(typeName(call.self)));
  OriginText text = *textOf(call.self);
  text.append("\n", Origin::Template);
  const auto lines = splitLines(text, false, call.budget);
  TextBuilder out(call.budget);
  if (given.flag(1)) out.add(indention);
  for (std::size_t i = 0; i < lines.size() && !out.full(); ++i) {
    if (i > 0) {
      out.add("\n");
      if (given.flag(2) || !lines[i].empty()) out.add(indention);
    }
    out.add(lines[i]);
  }
  return out.finish();
}

Result<Value> toInteger(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"default", "base"}));
  DELTASCOPE_ASSIGN(const auto base, given.integer(1, 10));
  const Value fallback = given.get(0) ? *given.get(0) : Value(std::int64_t{0});
  if (is<Undefined>(call.self)) return undefinedError(call.self);
  if (base < 2 || base > 36) return call.unsupported("a base outside of 2 to 36 is not supported");
  if (const auto whole = integerOf(call.self)) return *whole;
  std::optional<double> real;
  if (const auto* text = textOf(call.self)) {
    call.budget.spend(text->size() / 16);
    DELTASCOPE_ASSIGN(const auto whole, parseInteger(text->bytes(), static_cast<int>(base)));
    if (whole) return *whole;
    real = parseFloat(text->bytes());
  } else {
    real = numberOf(call.self);
  }
  if (!real || !std::isfinite(*real)) return fallback;
  DELTASCOPE_ASSIGN(const auto whole, truncated(*real));
  return whole;
}

Result<Value> toFloat(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"default"}));
  if (is<Undefined>(call.self)) return undefinedError(call.self);
  const auto* text = textOf(call.self);
  if (text) call.budget.spend(text->size() / 16);
  if (const auto real = text ? parseFloat(text->bytes()) : numberOf(call.self)) return *real;
  return given.get(0) ? *given.get(0) : Value(0.0);
}

Result<Value> absolute(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  if (is<Undefined>(call.self)) return undefinedError(call.self);
  if (const auto* real = std::get_if<double>(&call.self)) return std::abs(*real);
  const auto whole = integerOf(call.self);
  if (!whole) return call.refuse("is for numbers, not for a value of type " + std::string(typeName(call.self)));
  if (*whole == INT64_MIN) return beyond64Bits();
  return std::abs(*whole);
}

Result<Value> round(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"precision", "method"}));
  DELTASCOPE_ASSIGN(const auto digits, given.integer(0, 0));
  DELTASCOPE_ASSIGN(const OriginText method, given.text(1, "common"));
  const auto number = numberOf(call.self);
  if (is<Undefined>(call.self)) return undefinedError(call.self);
  if (!number) return call.refuse("is for numbers, not for a value of type " + std::string(typeName(call.self)));
  if (digits < 0 || digits > 300) return call.unsupported("a precision outside of 0 to 300 is not supported");
  if (method.bytes() == "common") {
    if (const auto whole = integerOf(call.self)) return *whole;
    return rounded(*number, static_cast<int>(digits));
  }
  const double scale = std::pow(10.0, static_cast<double>(digits));
  if (method.bytes() == "ceil") return std::ceil(*number * scale) / scale;
  if (method.bytes() == "floor") return std::floor(*number * scale) / scale;
  return call.refuse("the method must be common, ceil or floor");
}

Result<Value> format(Call& call) {
  if (!call.args.named.empty() && !call.args.positional.empty()) return call.refuse("takes either values or named values");
  Value keep;
  const OriginText& text = asText(call.self, call.budget, keep);
  if (call.args.named.empty())
    return formatPercent(text, makeSequence(call.budget, SequenceKind::Tuple, call.args.positional), call.budget);
  DictBuilder values(call.budget);
  for (const auto& [name, value] : call.args.named) values.set(makeText(call.budget, name, Origin::Template), value);
  return formatPercent(text, values.finish(), call.budget);
}

Result<Value> toJson(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensureAscii = given.flag(0);
  style.sortKeys = given.flag(3);
  if (const Value* indent = given.get(1); indent && !is<None>(*indent)) {
    if (textOf(*indent)) {
      DELTASCOPE_ASSIGN(style.indent, given.text(1, {}));
    } else {
      DELTASCOPE_ASSIGN(const auto width, given.integer(1, 0));
      if (width > kMostIndent) return call.unsupported("an indent of more than 1000 is not supported");
      style.indent = OriginText(std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' '), Origin::Template);
    }
  }
  style.itemSeparator = OriginText(style.indent ? "," : ", ", Origin::Template);
  style.keySeparator = OriginText(": ", Origin::Template);
  if (const Value* separators = given.get(2); separators && !is<None>(*separators)) {
    const auto* pair = listOf(*separators);
    if (!pair || pair->items.size() != 2 || !textOf(pair->items[0]) || !textOf(pair->items[1]))
      return call.refuse("separators must be two strings");
    call.budget.spend((textOf(pair->items[0])->size() + textOf(pair->items[1])->size()) / 64);
    style.itemSeparator = *textOf(pair->items[0]);
    style.keySeparator = *textOf(pair->items[1]);
  }
  TextBuilder out(call.budget);
  DELTASCOPE_TRY(dumpJson(call.self, style, out));
  return out.finish();
}

Result<Value> countWords(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  Value keep;
  const OriginText& text = asText(call.self, call.budget, keep);
  call.budget.spend(text.size() / 16);
  std::int64_t count = 0;
  bool inWord = false;
  forEachCharacter(text.bytes(), [&](std::size_t, std::size_t, char32_t c) {
    const bool word = text::isWord(c);
    if (word && !inWord) ++count;
    inWord = word;
  });
  return count;
}

constexpr BuiltinRow kFilters[] = {{"abs", absolute},
                                   {"capitalize", changeCaseFilter<Case::Capitalize>},
                                   {"float", toFloat},
                                   {"format", format},
                                   {"indent", indent},
                                   {"int", toInteger},
                                   {"lower", changeCaseFilter<Case::Lower>},
                                   {"replace", replace},
                                   {"round", round},
                                   {"safe", safe},
                                   {"string", string},
                                   {"title", title},
                                   {"tojson", toJson},
                                   {"trim", trim},
                                   {"upper", changeCaseFilter<Case::Upper>},
                                   {"wordcount", countWords}};

}  // namespace

Builtin findTextFilter(std::string_view name) {
  for (const auto& [known, filter] : kFilters)
    if (known == name) return filter;
  return nullptr;
}

}  // namespace deltascope::jinja
