// SPDX-License-Identifier: Apache-2.0
// The functions that every template may call: range, dict, namespace, raise_exception, strftime_now.
#include <locale.h>

#include <ctime>

#include "core/text/jinja/builtins.h"

namespace deltascope::jinja {
namespace {

constexpr std::size_t kLongestTime = 4096;

Result<Value> range(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"start", "stop", "step"}, 1));
  if (!call.args.named.empty()) return call.refuse("takes no named arguments");
  DELTASCOPE_ASSIGN(std::int64_t start, given.integer(0, 0));
  DELTASCOPE_ASSIGN(std::int64_t stop, given.integer(1, 0));
  DELTASCOPE_ASSIGN(const std::int64_t step, given.integer(2, 1));
  if (!given.get(1)) stop = std::exchange(start, 0);
  if (step == 0) return call.refuse("the step must not be zero");
  // In unsigned arithmetic, where the distance of any two ints and the size of any step have room.
  const auto width = [](std::int64_t from, std::int64_t to) {
    return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  };
  const std::uint64_t distance = step > 0 ? (start < stop ? width(start, stop) : 0) : (stop < start ? width(stop, start) : 0);
  const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = distance > 0 ? (distance - 1) / stride + 1 : 0;
  if (count > static_cast<std::uint64_t>(kMostRange)) return call.unsupported("more than 100000 numbers are not supported");
  std::vector<Value> items;
  items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i)
    items.emplace_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + i * static_cast<std::uint64_t>(step)));
  call.budget.spend(items.size());
  Charge charge(call.budget, sizeof(Sequence) + items.size() * sizeof(Value));
  return SequenceRef(std::make_shared<Sequence>(
      Sequence{SequenceKind::Range, std::move(items), {start, stop, step}, 1, std::move(charge), 0, false}));
}

/// The items of dict(…) and namespace(…): a dict or a list of pairs, then named values.
Result<DictRef> dictFrom(Call& call) {
  DictBuilder built(call.budget);
  if (call.args.positional.size() > 1) return call.refuse("takes at most one argument");
  for (const Value& from : call.args.positional) {
    if (const auto* dict = dictOf(from)) {
      for (const auto& [key, value] : dict->entries) built.set(key, value);
      continue;
    }
    DELTASCOPE_ASSIGN(const auto pairs, iterate(from, call.budget));
    for (const Value& one : pairs) {
      DELTASCOPE_ASSIGN(const auto pair, iterate(one, call.budget));
      if (pair.size() != 2) return call.refuse("needs pairs of a key and a value");
      if (!isHashable(pair[0])) return call.refuse("a key of type " + std::string(typeName(pair[0])) + " is not hashable");
      built.set(pair[0], pair[1]);
    }
  }
  for (const auto& [name, value] : call.args.named) built.set(makeText(call.budget, name, Origin::Template), value);
  const Value dict = built.finish();
  if (const auto* found = std::get_if<DictRef>(&dict)) return *found;
  return std::make_shared<Dict>();  // the budget is exceeded, and the interpreter stops
}

Result<Value> dict(Call& call) {
  DELTASCOPE_ASSIGN(const auto built, dictFrom(call));
  return built;
}

Result<Value> makeNamespace(Call& call) {
  DELTASCOPE_ASSIGN(const auto built, dictFrom(call));
  auto space = std::make_shared<Namespace>();
  call.budget.spend(8);
  call.budget.take(sizeof(Namespace) + built->entries.size() * sizeof(Dict::Entry));  // given back with the budget itself
  for (const auto& [key, value] : built->entries) {
    const auto* name = textOf(key);
    if (!name) return call.refuse("the names of attributes must be strings");
    if (name->bytes().starts_with('_')) return call.refuse("an attribute must not begin with an underscore");
    space->attributes.emplace_back(name->bytes(), value);
  }
  call.runtime.namespaces.push_back(space);
  return space;
}

Result<Value> raise(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"message"}, 1));
  const auto* text = textOf(*given.get(0));
  return fail(ErrorCode::InvalidArgument,
              "the template refuses this conversation: " + printable(text ? text->bytes() : "", 500));
}

Result<Value> formatNow(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"format"}, 1));
  DELTASCOPE_ASSIGN(const OriginText format, given.text(0, {}));
  // English names whatever the program's language is. The end mark tells an empty result from one that is too long.
  static const locale_t english = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const std::time_t now = std::chrono::system_clock::to_time_t(call.runtime.now);
  std::tm local{};
  if (format.size() > kLongestTime || format.bytes().find('\0') != std::string::npos || !::localtime_r(&now, &local))
    return call.unsupported("the format is too long");
  std::string text(kLongestTime, '\0');
  const std::size_t n = ::strftime_l(text.data(), text.size(), (format.bytes() + "|").c_str(), &local, english);
  if (n == 0) return call.unsupported("the format gives too long a text");
  text.resize(n - 1);
  return makeText(call.budget, text, Origin::Template);
}

Value makeCycle(Call& call, Namespace::Role role, std::vector<Value> items) {
  auto space = std::make_shared<Namespace>();
  call.budget.spend(8);
  call.budget.take(sizeof(Namespace) + items.size() * sizeof(Value));
  space->role = role;
  space->cycle = std::move(items);
  call.runtime.namespaces.push_back(space);
  return space;
}

Result<Value> cycler(Call& call) {
  if (!call.args.named.empty()) return call.refuse("takes no named arguments");
  if (call.args.positional.empty()) return call.refuse("at least one item has to be provided");
  return makeCycle(call, Namespace::Role::Cycler, call.args.positional);
}

Result<Value> joiner(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"sep"}));
  const Value separator = given.get(0) ? *given.get(0) : makeText(call.budget, ", ", Origin::Template);
  return makeCycle(call, Namespace::Role::Joiner, {separator});
}

constexpr BuiltinRow kFunctions[] = {{"cycler", cycler},           {"joiner", joiner},         {"dict", dict},
                                     {"namespace", makeNamespace}, {"raise_exception", raise}, {"range", range},
                                     {"strftime_now", formatNow}};

}  // namespace

Result<Value> callJoiner(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  auto& space = *std::get<NamespaceRef>(call.self);
  if (space.next++ == 0) return makeText(call.budget, {}, Origin::Template);
  return space.cycle.empty() ? Value(None{}) : space.cycle[0];
}

Builtin findFunction(std::string_view name) {
  for (const auto& [known, function] : kFunctions)
    if (known == name) return function;
  return nullptr;
}

}  // namespace deltascope::jinja
