// SPDX-License-Identifier: Apache-2.0
// The methods of str.
#include <algorithm>

#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/show.h"
#include "core/text/jinja/text_operations.h"

namespace deltascope::jinja {
namespace {

constexpr std::int64_t kMostWidth = 100'000;

const OriginText& self(const Call& call) { return *textOf(call.self); }

template <Case to>
Result<Value> changed(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  return changeCase(self(call), to, call.budget);
}

template <bool left, bool right>
Result<Value> strip(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"chars"}));
  if (!given.get(0) || is<None>(*given.get(0)))
    return makeText(call.budget, jinja::strip(self(call), left, right, nullptr, call.budget));
  DELTASCOPE_ASSIGN(const OriginText chars, given.text(0, {}));
  return makeText(call.budget, jinja::strip(self(call), left, right, &chars, call.budget));
}

template <bool fromRight>
Result<Value> split(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"sep", "maxsplit"}));
  DELTASCOPE_ASSIGN(const auto most, given.integer(1, -1));
  const auto how = fromRight ? splitTextFromRight : splitText;
  if (!given.get(0) || is<None>(*given.get(0))) return how(self(call), nullptr, most, call.budget);
  DELTASCOPE_ASSIGN(const OriginText separator, given.text(0, {}));
  if (separator.empty()) return call.refuse("the separator is empty");
  return how(self(call), &separator, most, call.budget);
}

Result<Value> splitIntoLines(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"keepends"}));
  std::vector<Value> lines;
  for (auto& line : splitLines(self(call), given.flag(0), call.budget)) lines.push_back(makeText(call.budget, std::move(line)));
  return makeList(call.budget, std::move(lines));
}

/// startswith, endswith: one string or a tuple of them.
template <bool atStart>
Result<Value> has(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"affix"}, 1));
  const std::string_view text = self(call).bytes();
  const auto fits = [text](const OriginText& part) {
    return atStart ? text.starts_with(part.bytes()) : text.ends_with(part.bytes());
  };
  if (const auto* several = listOf(*given.get(0)); several && several->kind == SequenceKind::Tuple) {
    for (const Value& item : several->items) {
      const auto* part = textOf(item);
      if (!part) return call.refuse("the tuple must hold strings");
      call.budget.spend(1 + part->size() / 64);
      if (fits(*part)) return true;
    }
    return false;
  }
  DELTASCOPE_ASSIGN(const OriginText part, given.text(0, {}));
  return fits(part);
}

Result<Value> replace(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"old", "new", "count"}, 2));
  DELTASCOPE_ASSIGN(const OriginText old, given.text(0, {}));
  DELTASCOPE_ASSIGN(const OriginText with, given.text(1, {}));
  DELTASCOPE_ASSIGN(const auto most, given.integer(2, -1));
  return replaceText(self(call), old, with, most, call.budget);
}

/// find, rfind, index, rindex, with start and end as Python counts them.
template <bool last, bool mustBe>
Result<Value> find(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"sub", "start", "end"}, 1));
  DELTASCOPE_ASSIGN(const OriginText part, given.text(0, {}));
  const std::string_view text = self(call).bytes();
  call.budget.spend((text.size() + part.size()) / 32);
  const auto n = static_cast<std::int64_t>(countCharacters(text));
  const auto at = [&](std::size_t i, std::int64_t fallback) -> Result<std::int64_t> {
    if (given.get(i) && is<None>(*given.get(i))) return fallback;
    DELTASCOPE_ASSIGN(const auto position, given.integer(i, fallback));
    return std::max<std::int64_t>(position < 0 ? position + n : position, 0);
  };
  DELTASCOPE_ASSIGN(const auto start, at(1, 0));
  DELTASCOPE_ASSIGN(const auto end, at(2, n));
  std::size_t found = std::string_view::npos;
  const std::size_t begin = offsetOfCharacter(text, static_cast<std::size_t>(start));
  if (start <= std::min(end, n)) {
    const std::string_view inside = text.substr(begin, offsetOfCharacter(text, static_cast<std::size_t>(end)) - begin);
    found = last ? findLastText(inside, part.bytes()) : findText(inside, part.bytes(), 0);
  }
  if (found == std::string_view::npos) {
    if (mustBe) return call.refuse("the substring was not found");
    return std::int64_t{-1};
  }
  return static_cast<std::int64_t>(countCharacters(text.substr(0, begin + found)));
}

Result<Value> count(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"sub"}, 1));
  DELTASCOPE_ASSIGN(const OriginText part, given.text(0, {}));
  const std::string_view text = self(call).bytes();
  call.budget.spend((text.size() + part.size()) / 32);
  if (part.empty()) return static_cast<std::int64_t>(countCharacters(text)) + 1;
  std::int64_t found = 0;
  for (std::size_t at = 0; call.budget.spend(1); ++found) {
    at = findText(text, part.bytes(), at);
    if (at == std::string_view::npos) break;
    at += part.size();
  }
  return found;
}

Result<Value> join(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"iterable"}, 1));
  DELTASCOPE_ASSIGN(const auto items, iterate(*given.get(0), call.budget));
  TextBuilder out(call.budget);
  for (std::size_t i = 0; i < items.size() && !out.full(); ++i) {
    const auto* text = textOf(items[i]);
    if (!text) return call.refuse("item " + std::to_string(i) + " is of type " + std::string(typeName(items[i])) + ", not str");
    if (i > 0) out.add(self(call));
    out.add(*text);
  }
  return out.finish();
}

Result<Value> format(Call& call) { return formatBraces(self(call), call.args, call.budget); }

template <bool front>
Result<Value> without(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {front ? "prefix" : "suffix"}, 1));
  DELTASCOPE_ASSIGN(const OriginText part, given.text(0, {}));
  const OriginText& text = self(call);
  const bool fits = front ? text.bytes().starts_with(part.bytes()) : text.bytes().ends_with(part.bytes());
  if (!fits) return call.self;
  return makeText(call.budget, front ? text.slice(part.size(), text.size()) : text.slice(0, text.size() - part.size()));
}

template <bool last>
Result<Value> partition(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"sep"}, 1));
  DELTASCOPE_ASSIGN(const OriginText separator, given.text(0, {}));
  if (separator.empty()) return call.refuse("the separator is empty");
  const OriginText& text = self(call);
  call.budget.spend((text.size() + separator.size()) / 32);
  const std::size_t at = last ? findLastText(text.bytes(), separator.bytes()) : findText(text.bytes(), separator.bytes(), 0);
  const auto part = [&](std::size_t begin, std::size_t end) { return makeText(call.budget, text.slice(begin, end)); };
  const std::size_t n = text.size(), end = at + separator.size();
  if (at != std::string_view::npos)
    return makeSequence(call.budget, SequenceKind::Tuple, {part(0, at), part(at, end), part(end, n)});
  if (last) return makeSequence(call.budget, SequenceKind::Tuple, {part(0, 0), part(0, 0), call.self});
  return makeSequence(call.budget, SequenceKind::Tuple, {call.self, part(0, 0), part(0, 0)});
}

template <bool (*wanted)(char32_t)>
Result<Value> all(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  bool holds = !self(call).empty();
  call.budget.spend(self(call).size() / 4);
  forEachCharacter(self(call).bytes(), [&](std::size_t, std::size_t, char32_t c) { holds = holds && wanted(c); });
  return holds;
}

bool isAlnum(char32_t c) { return isAlpha(c) || text::isNumeric(c); }

template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Result<Value> allCased(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  bool some = false, others = false;
  call.budget.spend(self(call).size() / 4);
  forEachCharacter(self(call).bytes(), [&](std::size_t, std::size_t, char32_t c) {
    some |= wanted(c);
    others |= other(c) || isTitle(c);
  });
  return some && !others;
}

enum class Side { Left, Right, Both };

/// ljust, rjust, center
template <Side text>
Result<Value> padded(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"width", "fillchar"}, 1));
  DELTASCOPE_ASSIGN(const auto width, given.integer(0, 0));
  DELTASCOPE_ASSIGN(const OriginText fill, given.text(1, " "));
  if (countCharacters(fill.bytes()) != 1) return call.refuse("the fill character must be one character");
  if (width > kMostWidth) return call.unsupported("a width of more than 100000 is not supported");
  const auto n = static_cast<std::int64_t>(countCharacters(self(call).bytes()));
  const std::int64_t missing = std::max<std::int64_t>(width - n, 0);
  std::int64_t before = text == Side::Left ? 0 : missing;
  if (text == Side::Both) before = missing / 2 + (missing & width & 1);
  TextBuilder out(call.budget);
  for (std::int64_t i = 0; i < before; ++i) out.add(fill);
  out.add(self(call));
  for (std::int64_t i = before; i < missing; ++i) out.add(fill);
  return out.finish();
}

Result<Value> zeroFilled(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"width"}, 1));
  DELTASCOPE_ASSIGN(const auto width, given.integer(0, 0));
  if (width > kMostWidth) return call.unsupported("a width of more than 100000 is not supported");
  const OriginText& text = self(call);
  const std::int64_t missing = width - static_cast<std::int64_t>(countCharacters(text.bytes()));
  const std::size_t sign = text.bytes().starts_with('-') || text.bytes().starts_with('+') ? 1 : 0;
  TextBuilder out(call.budget);
  out.add(text, 0, sign);
  for (std::int64_t i = 0; i < missing; ++i) out.add("0");
  out.add(text, sign, text.size());
  return out.finish();
}

Result<Value> isAsciiText(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  call.budget.spend(self(call).size() / 64);
  return text::isAscii(self(call).bytes());
}

Result<Value> isPrintableText(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  bool all = true;
  call.budget.spend(self(call).size() / 16);
  forEachCharacter(self(call).bytes(), [&](std::size_t, std::size_t, char32_t c) { all = all && isPrintable(c); });
  return all;
}

Result<Value> expandTabs(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"tabsize"}));
  DELTASCOPE_ASSIGN(const auto size, given.integer(0, 8));
  if (size > kMostWidth) return call.unsupported("a width of more than 100000 is not supported");
  TextBuilder out(call.budget);
  std::int64_t column = 0;
  forEachCharacter(self(call).bytes(), [&](std::size_t begin, std::size_t end, char32_t c) {
    if (c != '\t') {
      out.add(self(call), begin, end);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    } else if (size > 0 && !out.full()) {
      const std::int64_t missing = size - column % size;
      column += missing;
      out.add(std::string(static_cast<std::size_t>(missing), ' '));
    }
  });
  return out.finish();
}

constexpr BuiltinRow kMethods[] = {{"capitalize", changed<Case::Capitalize>},
                                   {"center", padded<Side::Both>},
                                   {"count", count},
                                   {"endswith", has<false>},
                                   {"expandtabs", expandTabs},
                                   {"find", find<false, false>},
                                   {"format", format},
                                   {"index", find<false, true>},
                                   {"isalnum", all<isAlnum>},
                                   {"isalpha", all<isAlpha>},
                                   {"isascii", isAsciiText},
                                   {"isdecimal", all<isDecimal>},
                                   {"isdigit", all<isDecimal>},
                                   {"islower", allCased<isLower, isUpper>},
                                   {"isnumeric", all<text::isNumeric>},
                                   {"isprintable", isPrintableText},
                                   {"isspace", all<isSpace>},
                                   {"isupper", allCased<isUpper, isLower>},
                                   {"join", join},
                                   {"ljust", padded<Side::Left>},
                                   {"lower", changed<Case::Lower>},
                                   {"lstrip", strip<true, false>},
                                   {"partition", partition<false>},
                                   {"removeprefix", without<true>},
                                   {"removesuffix", without<false>},
                                   {"replace", replace},
                                   {"rfind", find<true, false>},
                                   {"rindex", find<true, true>},
                                   {"rjust", padded<Side::Right>},
                                   {"rpartition", partition<true>},
                                   {"rsplit", split<true>},
                                   {"rstrip", strip<false, true>},
                                   {"split", split<false>},
                                   {"splitlines", splitIntoLines},
                                   {"startswith", has<true>},
                                   {"strip", strip<true, true>},
                                   {"swapcase", changed<Case::Swap>},
                                   {"title", changed<Case::Title>},
                                   {"upper", changed<Case::Upper>},
                                   {"zfill", zeroFilled}};

}  // namespace

Builtin findStringMethod(std::string_view name) {
  for (const auto& [known, method] : kMethods)
    if (known == name) return method;
  return nullptr;
}

}  // namespace deltascope::jinja
