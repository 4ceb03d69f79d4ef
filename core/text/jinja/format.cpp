// SPDX-License-Identifier: Apache-2.0
// "%s" % value and "{}".format(value): the conversions that templates use. Others are refused by name.
#include <cmath>

#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/numbers.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<Error> unsupported(std::string_view spec) {
  return fail(ErrorCode::Unsupported, "the format \"" + printable(spec, 60) + "\" is not supported");
}

/// Zero-padded or right-aligned number, without a conversion to text in between.
void addPadded(TextBuilder& out, std::string number, const FormatSpec& spec) {
  if (number.size() < spec.width) {
    const std::size_t signs = number.starts_with('-') && spec.zeros ? 1 : 0;
    number.insert(signs, spec.width - number.size(), spec.zeros ? '0' : ' ');
  }
  out.add(number);
}

}  // namespace

std::optional<FormatSpec> FormatSpec::read(std::string_view text) {
  FormatSpec spec;
  std::size_t at = 0;
  if (at < text.size() && text[at] == '0') spec.zeros = true;
  const auto number = [&](std::size_t& value) {
    for (value = 0; at < text.size() && isDigit(text[at]); ++at) {
      value = value * 10 + static_cast<std::size_t>(text[at] - '0');
      if (value > 300) return false;
    }
    return true;
  };
  if (!number(spec.width)) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    ++at;
    std::size_t digits = 0;
    if (at >= text.size() || !isDigit(text[at]) || !number(digits)) return std::nullopt;
    spec.digits = static_cast<int>(digits);
  }
  if (at < text.size()) spec.type = text[at++];
  if (at != text.size()) return std::nullopt;
  return spec;
}

Result<void> addFormatted(const Value& value, const FormatSpec& spec, std::string_view shown, TextBuilder& out) {
  const bool plain = spec.width == 0 && !spec.zeros && !spec.digits;
  if (is<Undefined>(value) && spec.type != 's' && spec.type != 'r') return undefinedError(value);
  switch (spec.type) {
    case 's':
      if (!plain) return unsupported(shown);
      show(value, out);
      return {};
    case 'r':
      if (!plain) return unsupported(shown);
      represent(value, out);
      return {};
    case 'd':
    case 'i': {
      const auto number = numberOf(value);
      if (!number)
        return typeError("the format " + printable(shown, 60) + " needs a number, not " + std::string(typeName(value)));
      if (spec.digits) return unsupported(shown);
      auto whole = integerOf(value);
      if (!whole) {
        DELTASCOPE_ASSIGN(whole, truncated(*number));
      }
      addPadded(out, std::to_string(*whole), spec);
      return {};
    }
    case 'f': {
      const auto number = numberOf(value);
      if (!number)
        return typeError("the format " + printable(shown, 60) + " needs a number, not " + std::string(typeName(value)));
      if (spec.zeros && !std::isfinite(*number)) return unsupported(shown);
      addPadded(out, formatFixed(*number, spec.digits.value_or(6)), spec);
      return {};
    }
    default:
      return unsupported(shown);
  }
}

Result<Value> formatPercent(const OriginText& format, const Value& value, Budget& budget) {
  const auto* tuple = listOf(value);
  if (tuple && tuple->kind != SequenceKind::Tuple) tuple = nullptr;
  const Dict* dict = dictOf(value);
  const std::string_view text = format.bytes();
  TextBuilder out(budget);
  std::size_t used = 0, plain = 0;
  bool named = false;
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', plain)) {
    if (!budget.spend(1)) break;
    out.add(format, plain, at);
    std::size_t end = at + 1;
    const Value* argument = nullptr;
    if (end < text.size() && text[end] == '(') {
      const std::size_t close = text.find(')', end);
      if (close == std::string_view::npos) return typeError("a format has no end of its name");
      if (!dict) return typeError("a format with names needs a dict");
      argument = find(*dict, text.substr(end + 1, close - end - 1), budget);
      if (!argument) return typeError("a format names what the dict does not have");
      end = close + 1;
      named = true;
    }
    const std::size_t from = end;
    while (end < text.size() && (isDigit(text[end]) || text[end] == '.')) ++end;
    if (end >= text.size()) return typeError("a format is incomplete");
    plain = end + 1;
    const std::string_view shown = text.substr(at, plain - at);
    if (text[end] == '%' && end == at + 1) {
      out.add(format, end, plain);
      continue;
    }
    if (!argument) {
      const std::size_t have = tuple ? tuple->items.size() : 1;
      if (used >= have) return typeError("not enough values for the format");
      argument = tuple ? &tuple->items[used] : &value;
      ++used;
    }
    const auto spec = FormatSpec::read(text.substr(from, plain - from));
    if (!spec) return unsupported(shown);
    DELTASCOPE_TRY(addFormatted(*argument, *spec, shown, out));
  }
  out.add(format, plain, text.size());
  // Of other types than a tuple a dict and a list may stay unused, as in Python.
  const bool mustBeUsed = !named && (tuple ? used < tuple->items.size() : used == 0 && !dict && !listOf(value));
  if (mustBeUsed && !budget.exceeded()) return typeError("not all values were used by the format");
  return out.finish();
}

Result<Value> formatBraces(const OriginText& format, const Arguments& args, Budget& budget) {
  const std::string_view text = format.bytes();
  TextBuilder out(budget);
  std::size_t plain = 0, automatic = 0;
  for (std::size_t at = text.find_first_of("{}"); at != std::string_view::npos; at = text.find_first_of("{}", plain)) {
    if (!budget.spend(1)) break;
    out.add(format, plain, at);
    plain = at + 2;
    if (at + 1 < text.size() && text[at + 1] == text[at]) {
      out.add(format, at, at + 1);
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (text[at] == '}' || end == std::string_view::npos) return typeError("a format has a single brace");
    const std::string_view field = text.substr(at + 1, end - at - 1);
    plain = end + 1;
    const std::size_t nameEnd = std::min(field.find_first_of("!:"), field.size());
    const std::string_view name = field.substr(0, nameEnd);
    std::string_view rest = field.substr(nameEnd);
    if (name.find_first_of(".[{") != std::string_view::npos || rest.find('{') != std::string_view::npos)
      return unsupported(field);
    const Value* argument = nullptr;
    if (name.empty() || name.find_first_not_of("0123456789") == std::string_view::npos) {
      std::size_t index = automatic;
      if (name.empty()) {
        ++automatic;
      } else {
        DELTASCOPE_ASSIGN(const auto number, parseInteger(name, 10));
        index = static_cast<std::size_t>(*number);
      }
      if (index >= args.positional.size()) return typeError("not enough values for the format");
      argument = &args.positional[index];
    } else {
      for (const auto& [known, value] : args.named)
        if (known == name) argument = &value;
      if (!argument) return typeError("the format names " + printable(name, 60) + ", which is not given");
    }
    bool represents = false;
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest[1] != 's' && rest[1] != 'r')) return unsupported(field);
      represents = rest[1] == 'r';
      rest.remove_prefix(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    if (represents || rest.empty()) {
      if (!rest.empty()) return unsupported(field);
      represents ? represent(*argument, out) : show(*argument, out);
      continue;
    }
    const auto spec = FormatSpec::read(rest);
    if (!spec || spec->type == 'r' || spec->type == 'i' || (spec->type == 'd' && !integerOf(*argument)) ||
        (spec->type == 's' && !is<StringRef>(*argument)))
      return unsupported(field);
    DELTASCOPE_TRY(addFormatted(*argument, *spec, field, out));
  }
  out.add(format, plain, text.size());
  return out.finish();
}

}  // namespace deltascope::jinja
