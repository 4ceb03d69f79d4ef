// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The values of a template, which are Python's: what they are, how they compare, what counts as true. Shared and immutable but
/// for namespaces, iterators and loops. Values borrow the budget that they were made with and must not outlive it.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "core/text/jinja/budget.h"
#include "core/text/jinja/origin_text.h"

namespace deltascope::jinja {

struct String;
struct Sequence;
struct Dict;
struct Namespace;
struct Callable;
struct Loop;
struct Scope;
struct Stmt;

struct Undefined {
  std::shared_ptr<const std::string> why;  ///< "'x' is undefined"
};
struct None {};

using StringRef = std::shared_ptr<const String>;
using SequenceRef = std::shared_ptr<const Sequence>;
using DictRef = std::shared_ptr<const Dict>;
using NamespaceRef = std::shared_ptr<Namespace>;
using CallableRef = std::shared_ptr<const Callable>;
using LoopRef = std::shared_ptr<Loop>;

using Value = std::variant<Undefined, None, bool, std::int64_t, double, StringRef, SequenceRef, DictRef, NamespaceRef,
                           CallableRef, LoopRef>;

struct String {
  OriginText text;
  Charge charge;
};

enum class SequenceKind { List, Tuple, Range, Keys, Values, Items, Iterator };

struct Sequence {
  SequenceKind kind = SequenceKind::List;
  std::vector<Value> items;
  std::array<std::int64_t, 3> range = {};  ///< Range: start, stop, step
  unsigned nesting = 1;
  Charge charge;
  mutable std::size_t next = 0;  ///< Iterator: what was taken already
  bool isGroup = false;          ///< a Tuple whose two items are also .grouper and .list
};

struct Dict {
  using Entry = std::pair<Value, Value>;
  std::vector<Entry> entries;                               ///< in order of insertion, keys differ
  std::unordered_map<std::string_view, std::size_t> index;  ///< of the string keys, when there are many entries
  unsigned nesting = 1;
  Charge charge;
};

/// Owned by the interpreter too, which empties it at the end: a namespace may hold itself. A cycler and a joiner are namespaces
/// that a template cannot set.
struct Namespace {
  enum class Role : std::uint8_t { Plain, Blocks, Cycler, Joiner };
  std::vector<std::pair<std::string, Value>> attributes;
  Role role = Role::Plain;
  std::vector<Value> cycle;  ///< a cycler's items; a joiner's separator
  std::size_t next = 0;      ///< item of the cycle; a joiner: 0 before the first call
};

/// A function of the interpreter, a method bound to its object, or a macro with the scope that it was defined in.
struct Callable {
  std::string name;
  Value self;  ///< a method's object
  const Stmt* macro = nullptr;
  std::shared_ptr<Scope> scope;
};

struct Loop {
  SequenceRef items;
  std::size_t index = 0;
  unsigned depth = 0;  ///< 0 for a loop that is not in a loop's recursion
  std::optional<Value> changed;
  const Stmt* recursive = nullptr;  ///< a statement whose loop may be called
  std::shared_ptr<Scope> around;    ///< a recursive one's
};

// --- making values

[[nodiscard]] Value makeText(Budget& budget, OriginText text);
[[nodiscard]] Value makeText(Budget& budget, std::string_view bytes, Origin origin);
/// Refuses (in the budget) lists that are nested too deeply.
[[nodiscard]] Value makeSequence(Budget& budget, SequenceKind kind, std::vector<Value> items);
[[nodiscard]] inline Value makeList(Budget& budget, std::vector<Value> items) {
  return makeSequence(budget, SequenceKind::List, std::move(items));
}
[[nodiscard]] Value makeUndefined(std::string why);

/// Builds a dict as Python does: a later value takes an earlier one's place. The keys must be hashable.
class DictBuilder {
 public:
  explicit DictBuilder(Budget& budget) : m_budget(budget), m_dict(std::make_shared<Dict>()) {}
  void set(Value key, Value value);
  [[nodiscard]] Value finish();

 private:
  Budget& m_budget;
  std::shared_ptr<Dict> m_dict;
};

/// Text that grows within the budget; once a limit is passed, nothing is added.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : m_budget(budget), m_charge(budget, 0) {}
  void add(std::string_view bytes, Origin origin = Origin::Template) {
    if (m_charge.grow(bytes.size())) m_text.append(bytes, origin);
  }
  void add(const OriginText& text) { add(text, 0, text.size()); }
  void add(const OriginText& text, std::size_t begin, std::size_t end) {
    if (m_charge.grow(end - begin)) m_text.append(text, begin, end);
  }
  [[nodiscard]] bool full() const { return m_budget.exceeded(); }
  [[nodiscard]] std::size_t size() const { return m_text.size(); }
  [[nodiscard]] Budget& budget() { return m_budget; }
  [[nodiscard]] OriginText take() { return std::move(m_text); }
  [[nodiscard]] Value finish() { return makeText(m_budget, std::move(m_text)); }

 private:
  Budget& m_budget;
  Charge m_charge;
  OriginText m_text;
};

// --- asking values

template <class T>
[[nodiscard]] bool is(const Value& value) {
  return std::holds_alternative<T>(value);
}
[[nodiscard]] const OriginText* textOf(const Value& value);               ///< or null
[[nodiscard]] const Sequence* sequenceOf(const Value& value);             ///< any kind, or null
[[nodiscard]] const Dict* dictOf(const Value& value);                     ///< or null
[[nodiscard]] const Sequence* listOf(const Value& value);                 ///< a list or tuple, or null
[[nodiscard]] std::optional<std::int64_t> integerOf(const Value& value);  ///< an int or bool
[[nodiscard]] std::optional<double> numberOf(const Value& value);         ///< an int, bool or float
[[nodiscard]] unsigned nestingOf(const Value& value);
[[nodiscard]] std::string_view typeName(const Value& value);  ///< "str", "NoneType"
[[nodiscard]] bool truthy(const Value& value);
[[nodiscard]] bool isHashable(const Value& value);
[[nodiscard]] std::optional<std::int64_t> lengthOf(const Value& value, Budget& budget);  ///< nothing where len() is a TypeError

[[nodiscard]] bool equals(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] bool same(const Value& a, const Value& b);  ///< Python's `is`
/// Whether a < b; values that have no order are Corrupt.
[[nodiscard]] Result<bool> lessThan(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] const Value* find(const Dict& dict, const Value& key, Budget& budget);
[[nodiscard]] const Value* find(const Dict& dict, std::string_view key, Budget& budget);

/// What a `for` goes through: items, characters, keys. Takes what is left of an iterator. Not iterable is Corrupt.
[[nodiscard]] Result<std::vector<Value>> iterate(const Value& value, Budget& budget);

/// Use of an undefined value where Python would raise UndefinedError.
[[nodiscard]] tl::unexpected<Error> undefinedError(const Value& value);
[[nodiscard]] tl::unexpected<Error> typeError(std::string what);  ///< Corrupt; the interpreter adds file and line

}  // namespace deltascope::jinja
