// SPDX-License-Identifier: Apache-2.0
// object.name, object[key] and slices, in the order in which Jinja's sandbox looks.
#include <algorithm>
#include <limits>

#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/show.h"

namespace deltascope::jinja {
namespace {

// Methods that Python has and templates may call, but that are not available here: refused rather than taken for undefined.
constexpr std::string_view kOtherText[] = {"casefold", "encode",    "format_map", "isidentifier",
                                           "istitle",  "maketrans", "translate"};
constexpr std::string_view kOtherDict[] = {"fromkeys"};
// Methods that would change what they are called on: Jinja's sandbox refuses them too.
constexpr std::string_view kChanging[] = {"append",  "clear",  "extend",     "insert", "pop",
                                          "popitem", "remove", "setdefault", "sort",   "update"};

template <std::size_t n>
bool among(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

tl::unexpected<Error> unsupportedMethod(const Value& object, std::string_view name) {
  return fail(ErrorCode::Unsupported,
              "the method " + std::string(typeName(object)) + "." + std::string(name) + " is not supported");
}

std::string missing(const Value& object, const Value& key, Budget& budget) {
  TextBuilder out(budget);
  if (is<StringRef>(key) || is<std::int64_t>(key)) represent(key, out);
  const bool none = is<None>(object);
  return (none ? "'None'" : "'" + std::string(typeName(object)) + " object'") + " has no attribute " +
         printable(out.take().bytes(), 100);
}

Result<Value> loopAttribute(const LoopRef& loop, std::string_view name, bool& known) {
  const auto n = static_cast<std::int64_t>(loop->items->items.size());
  const auto index = static_cast<std::int64_t>(loop->index);
  known = true;
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return n - index;
  if (name == "revindex0") return n - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == n;
  if (name == "length") return n;
  if (name == "depth") return std::int64_t{loop->depth} + 1;
  if (name == "depth0") return std::int64_t{loop->depth};
  if (name == "previtem") {
    if (index == 0) return makeUndefined("there is no previous item");
    return loop->items->items[loop->index - 1];
  }
  if (name == "nextitem") {
    if (index + 1 >= n) return makeUndefined("there is no next item");
    return loop->items->items[loop->index + 1];
  }
  known = false;
  return None{};
}

/// What Python's getattr finds; nothing where it raises AttributeError.
Result<std::optional<Value>> pythonAttribute(const Value& object, std::string_view name, Budget& budget) {
  if (name.starts_with("__")) return std::nullopt;
  if (const auto* space = std::get_if<NamespaceRef>(&object)) {
    budget.spend((*space)->attributes.size() / 16);
    for (const auto& [known, value] : (*space)->attributes)
      if (known == name) return value;
    const bool cycles = (*space)->role == Namespace::Role::Cycler && !(*space)->cycle.empty();
    if (cycles && name == "current") return (*space)->cycle[(*space)->next];
    if (cycles && findMethod(object, name))
      return CallableRef(std::make_shared<Callable>(Callable{std::string(name), object, nullptr, nullptr}));
    return std::nullopt;
  }
  if (const auto* sequence = sequenceOf(object); sequence && sequence->isGroup) {
    if (name == "grouper") return sequence->items[0];
    if (name == "list") return sequence->items[1];
  }
  if (const auto* loop = std::get_if<LoopRef>(&object)) {
    bool known = false;
    DELTASCOPE_ASSIGN(Value value, loopAttribute(*loop, name, known));
    if (known) return value;
  }
  if (findMethod(object, name))
    return CallableRef(std::make_shared<Callable>(Callable{std::string(name), object, nullptr, nullptr}));
  const bool isList = listOf(object) && listOf(object)->kind == SequenceKind::List;
  if ((is<DictRef>(object) || isList) && among(kChanging, name)) {
    const bool own = isList ? name != "popitem" && name != "setdefault" && name != "update"
                            : name != "append" && name != "extend" && name != "insert" && name != "remove" && name != "sort";
    if (own)
      return fail(ErrorCode::Unsupported,
                  std::string(typeName(object)) + "." + std::string(name) + " would change a value, which templates may not");
  }
  if (is<StringRef>(object) && among(kOtherText, name)) return unsupportedMethod(object, name);
  if (is<DictRef>(object) && among(kOtherDict, name)) return unsupportedMethod(object, name);
  if (isList && name == "reverse") return unsupportedMethod(object, name);
  return std::nullopt;
}

/// object[key] of Python; nothing where it raises LookupError or TypeError.
std::optional<Value> pythonItem(const Value& object, const Value& key, Budget& budget) {
  if (const auto* dict = dictOf(object)) {
    if (!isHashable(key)) return std::nullopt;
    const Value* found = find(*dict, key, budget);
    return found ? std::optional(*found) : std::nullopt;
  }
  const auto index = integerOf(key);
  if (!index) return std::nullopt;
  const auto* sequence = sequenceOf(object);
  const auto* text = textOf(object);
  const bool indexed = text || (sequence && (listOf(object) || sequence->kind == SequenceKind::Range));
  if (!indexed) return std::nullopt;
  const std::int64_t n = *lengthOf(object, budget);
  const std::int64_t at = *index < 0 ? *index + n : *index;
  if (at < 0 || at >= n) return std::nullopt;
  const auto place = static_cast<std::size_t>(at);
  if (sequence) return sequence->items[place];
  budget.spend(text->size() / 64);
  const std::size_t begin = static_cast<std::size_t>(n) == text->size() ? place : offsetOfCharacter(text->bytes(), place);
  return makeText(budget, text->slice(begin, begin + text::utf8At(text->bytes(), begin).length));
}

struct Range {
  std::int64_t start = 0, step = 1;
  std::size_t count = 0;
};

Result<std::optional<std::int64_t>> bound(const Value* value) {
  if (!value || is<None>(*value)) return std::nullopt;
  if (const auto number = integerOf(*value)) return *number;
  if (is<Undefined>(*value)) return undefinedError(*value);
  return typeError("a slice needs ints, not a value of type " + std::string(typeName(*value)));
}

/// slice.indices of Python.
Result<Range> rangeOf(std::int64_t n, const Value* start, const Value* stop, const Value* step) {
  DELTASCOPE_ASSIGN(const auto from, bound(start));
  DELTASCOPE_ASSIGN(const auto to, bound(stop));
  DELTASCOPE_ASSIGN(const auto by, bound(step));
  Range range;
  range.step = std::max(by.value_or(1), -std::numeric_limits<std::int64_t>::max());
  if (range.step == 0) return typeError("the step of a slice must not be zero");
  const bool down = range.step < 0;
  const std::int64_t low = down ? -1 : 0, high = down ? n - 1 : n;
  const auto clamp = [&](std::int64_t at) { return std::clamp(at < 0 ? at + n : at, low, high); };
  range.start = from ? clamp(*from) : down ? high : low;
  const std::int64_t end = to ? clamp(*to) : down ? low : high;
  const std::int64_t distance = down ? range.start - end : end - range.start;
  const std::int64_t width = down ? -range.step : range.step;
  if (distance > 0) range.count = static_cast<std::size_t>((distance - 1) / width + 1);
  return range;
}

Value slicedText(const OriginText& text, const Range& range, std::int64_t n, Budget& budget) {
  const bool ascii = static_cast<std::size_t>(n) == text.size();
  const auto offset = [&](std::int64_t at) {
    return ascii ? static_cast<std::size_t>(at) : offsetOfCharacter(text.bytes(), static_cast<std::size_t>(at));
  };
  budget.spend(text.size() / 16);
  if (range.step == 1) {
    const auto end = range.start + static_cast<std::int64_t>(range.count);
    return makeText(budget, text.slice(offset(range.start), offset(end)));
  }
  std::vector<std::size_t> offsets;
  if (!budget.fits(static_cast<std::size_t>(n) * sizeof(std::size_t))) return None{};
  forEachCharacter(text.bytes(), [&](std::size_t begin, std::size_t, char32_t) { offsets.push_back(begin); });
  TextBuilder out(budget);
  std::int64_t at = range.start;
  for (std::size_t i = 0; i < range.count && budget.spend(1); ++i) {
    const std::size_t begin = offsets[static_cast<std::size_t>(at)];
    out.add(text, begin, begin + text::utf8At(text.bytes(), begin).length);
    if (i + 1 < range.count) at += range.step;
  }
  return out.finish();
}

}  // namespace

Result<Value> attributeOf(const Value& object, std::string_view name, Budget& budget) {
  if (is<Undefined>(object)) return undefinedError(object);
  DELTASCOPE_ASSIGN(auto attribute, pythonAttribute(object, name, budget));
  if (attribute) return *attribute;
  if (const auto* dict = dictOf(object))
    if (const Value* found = find(*dict, name, budget)) return *found;
  return makeUndefined(missing(object, makeText(budget, name, Origin::Template), budget));
}

Result<Value> itemOf(const Value& object, const Value& key, Budget& budget) {
  if (is<Undefined>(object)) return undefinedError(object);
  if (auto item = pythonItem(object, key, budget)) return *item;
  if (const auto* name = textOf(key)) {
    DELTASCOPE_ASSIGN(auto attribute, pythonAttribute(object, name->bytes(), budget));
    if (attribute) return *attribute;
  }
  return makeUndefined(missing(object, key, budget));
}

Result<Value> sliceOf(const Value& object, const Value* start, const Value* stop, const Value* step, Budget& budget) {
  if (is<Undefined>(object)) return undefinedError(object);
  const auto* text = textOf(object);
  const auto* sequence = sequenceOf(object);
  if (!text && !listOf(object) && !(sequence && sequence->kind == SequenceKind::Range))
    return makeUndefined("a value of type " + std::string(typeName(object)) + " cannot be sliced");
  const std::int64_t n = *lengthOf(object, budget);
  DELTASCOPE_ASSIGN(const Range range, rangeOf(n, start, stop, step));
  if (text) return slicedText(*text, range, n, budget);
  std::vector<Value> items;
  if (!budget.fits(range.count * sizeof(Value)) || !budget.spend(range.count)) return None{};
  items.reserve(range.count);
  std::int64_t at = range.start;
  for (std::size_t i = 0; i < range.count; ++i) {
    items.push_back(sequence->items[static_cast<std::size_t>(at)]);
    if (i + 1 < range.count) at += range.step;
  }
  return makeSequence(budget, sequence->kind == SequenceKind::Range ? SequenceKind::List : sequence->kind, std::move(items));
}

}  // namespace deltascope::jinja
