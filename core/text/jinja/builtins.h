// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Filters, tests, methods and functions: how they are found and what they are given.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/value.h"

namespace deltascope::jinja {

/// What lives as long as one rendering. What may hold itself is owned here too and emptied at the end.
struct Runtime {
  explicit Runtime(const Limits& limits) : budget(limits) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  Budget budget;
  std::chrono::system_clock::time_point now;
  std::vector<NamespaceRef> namespaces;
  std::vector<std::shared_ptr<Scope>> scopes;
  std::vector<LoopRef> loops;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// One call of a builtin: `name` of the filter, test, method or function; `self` what it is applied to.
struct Call {
  Runtime& runtime;
  Budget& budget;
  std::string_view name;
  const Value& self;
  const Arguments& args;

  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view what, ErrorCode code = ErrorCode::Corrupt) const {
    return fail(code, std::string(name) + ": " + std::string(what));
  }
  [[nodiscard]] tl::unexpected<Error> unsupported(std::string_view what) const { return refuse(what, ErrorCode::Unsupported); }
};

/// The arguments of a call under the names of the parameters. Too few, too many, doubled and unknown ones are refused.
class Parameters {
 public:
  static Result<Parameters> of(const Call& call, std::initializer_list<std::string_view> names, std::size_t required = 0);

  [[nodiscard]] const Value* get(std::size_t i) const { return m_values[i]; }  ///< or null
  [[nodiscard]] bool flag(std::size_t i, bool fallback = false) const { return m_values[i] ? truthy(*m_values[i]) : fallback; }
  /// An int; what is not one is Corrupt.
  [[nodiscard]] Result<std::int64_t> integer(std::size_t i, std::int64_t fallback) const;
  /// A string; what is not one is Corrupt. The fallback counts as the template's.
  [[nodiscard]] Result<OriginText> text(std::size_t i, std::string_view fallback) const;

 private:
  explicit Parameters(const Call& call) : m_call(&call) {}
  const Call* m_call;
  std::array<const Value*, 5> m_values = {};
};

[[nodiscard]] Builtin findFilter(std::string_view name);  ///< or null
[[nodiscard]] Builtin findTest(std::string_view name);
[[nodiscard]] Builtin findFunction(std::string_view name);
[[nodiscard]] Result<Value> callJoiner(Call& call);  ///< nothing the first time, then its separator
/// A method that values of this type have here.
[[nodiscard]] Builtin findMethod(const Value& self, std::string_view name);

/// The parts that findFilter and findMethod put together.
using BuiltinRow = std::pair<std::string_view, Builtin>;
[[nodiscard]] Builtin findTextFilter(std::string_view name);
[[nodiscard]] Builtin findSequenceFilter(std::string_view name);
[[nodiscard]] Builtin findOrderFilter(std::string_view name);
[[nodiscard]] Builtin findLayoutFilter(std::string_view name);
[[nodiscard]] Builtin findStringMethod(std::string_view name);

// --- object.name, object[key]

/// Undefined where there is none; a name of Python's that is not available here is Unsupported.
[[nodiscard]] Result<Value> attributeOf(const Value& object, std::string_view name, Budget& budget);
[[nodiscard]] Result<Value> itemOf(const Value& object, const Value& key, Budget& budget);
/// The parts of object[start:stop:step], each null when it is left out.
[[nodiscard]] Result<Value> sliceOf(const Value& object, const Value* start, const Value* stop, const Value* step,
                                    Budget& budget);

// --- operators

[[nodiscard]] Result<Value> unaryOperation(Op op, const Value& of);
[[nodiscard]] Result<Value> binaryOperation(Op op, const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Result<bool> compareValues(Op op, const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Result<bool> contains(const Value& container, const Value& item, Budget& budget);
/// "…" % value
[[nodiscard]] Result<Value> formatPercent(const OriginText& format, const Value& value, Budget& budget);

}  // namespace deltascope::jinja
