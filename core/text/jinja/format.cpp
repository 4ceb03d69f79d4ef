// SPDX-License-Identifier: Apache-2.0
// "%s" % value and "{}".format(value): the conversions that templates use. Others are refused by name.
#include "core/text/jinja/format.h"
#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/numbers.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<Error> unsupported(std::string_view spec) {
  return fail(ErrorCode::Unsupported, "the format \"" + printable(spec, 60) + "\" is not supported");
}

/// ".name[key]" of a value.
Result<Value> followPath(Value at, std::string_view path, Budget& budget) {
  while (!path.empty() && budget.spend(1)) {
    const bool bracket = path[0] == '[';
    const std::size_t end = bracket ? path.find(']') : std::min(path.find_first_of(".[", 1), path.size());
    if ((path[0] != '.' && !bracket) || end == std::string_view::npos || end < 2)
      return typeError("a format has an empty name");
    const std::string_view key = path.substr(1, end - 1);
    path.remove_prefix(bracket ? end + 1 : end);
    if (!bracket) {
      DELTASCOPE_ASSIGN(at, attributeOf(at, key, budget));
      continue;
    }
    Value item = makeText(budget, key, Origin::Template);
    if (key.size() < 18 && key.find_first_not_of("0123456789") == std::string_view::npos) {
      DELTASCOPE_ASSIGN(const auto index, parseInteger(key, 10));
      item = *index;
    }
    DELTASCOPE_ASSIGN(at, itemOf(at, item, budget));
  }
  return at;
}

}  // namespace

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
    while (end < text.size() && (isDigit(text[end]) || std::string_view("-+ #.").find(text[end]) != std::string_view::npos))
      ++end;
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
    const auto spec = FormatSpec::readPercent(text.substr(from, plain - from));
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
    const std::string_view path = field.substr(0, nameEnd);
    const std::string_view name = path.substr(0, path.find_first_of(".["));
    std::string_view rest = field.substr(nameEnd);
    if (path.find('{') != std::string_view::npos || rest.find('{') != std::string_view::npos) return unsupported(field);
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
    Value reached;
    if (name.size() < path.size()) {
      DELTASCOPE_ASSIGN(reached, followPath(*argument, path.substr(name.size()), budget));
      argument = &reached;
    }
    bool represents = false;
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest[1] != 's' && rest[1] != 'r')) return unsupported(field);
      represents = rest[1] == 'r';
      rest.remove_prefix(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    Value converted;
    if (represents) {
      TextBuilder shown(budget);
      represent(*argument, shown);
      converted = shown.finish();
      argument = &converted;
    }
    if (rest.empty()) {
      show(*argument, out);
      continue;
    }
    const auto spec = FormatSpec::readBraces(rest);
    if (!spec) return unsupported(field);
    DELTASCOPE_TRY(addFormatted(*argument, *spec, field, out));
  }
  out.add(format, plain, text.size());
  return out.finish();
}

}  // namespace deltascope::jinja
