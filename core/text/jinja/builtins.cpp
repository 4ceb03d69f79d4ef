// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/builtins.h"

#include <algorithm>

#include "core/text/jinja/scope.h"

namespace deltascope::jinja {

Runtime::~Runtime() {
  // All are held here while they are emptied, so that nothing is destroyed from inside of something.
  for (const auto& space : namespaces) {
    space->attributes.clear();
    space->cycle.clear();
  }
  for (const auto& scope : scopes) scope->clear();
  for (const auto& loop : loops) {
    loop->changed.reset();
    loop->around.reset();
  }
}

Result<Parameters> Parameters::of(const Call& call, std::initializer_list<std::string_view> names, std::size_t required) {
  Parameters parameters(call);
  const auto& args = call.args;
  if (args.positional.size() > names.size())
    return call.refuse("takes at most " + std::to_string(names.size()) + " arguments, " +
                       std::to_string(args.positional.size()) + " were given");
  for (std::size_t i = 0; i < args.positional.size(); ++i) parameters.m_values[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto* const known = std::find(names.begin(), names.end(), name);
    if (known == names.end()) return call.refuse("there is no argument " + printable(name, 60));
    auto& slot = parameters.m_values[static_cast<std::size_t>(known - names.begin())];
    if (slot) return call.refuse("the argument " + printable(name, 60) + " is given twice");
    slot = &value;
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!parameters.m_values[i]) return call.refuse("the argument " + std::string(names.begin()[i]) + " is missing");
  return parameters;
}

Result<std::int64_t> Parameters::integer(std::size_t i, std::int64_t fallback) const {
  if (!m_values[i]) return fallback;
  if (is<Undefined>(*m_values[i])) return undefinedError(*m_values[i]);
  if (const auto number = integerOf(*m_values[i])) return *number;
  return m_call->refuse("an argument of type " + std::string(typeName(*m_values[i])) + " must be an int");
}

Result<OriginText> Parameters::text(std::size_t i, std::string_view fallback) const {
  if (!m_values[i]) return OriginText(std::string(fallback), Origin::Template);
  if (is<Undefined>(*m_values[i])) return undefinedError(*m_values[i]);
  if (const auto* text = textOf(*m_values[i])) {
    m_call->budget.spend(text->size() / 64);
    return *text;
  }
  return m_call->refuse("an argument of type " + std::string(typeName(*m_values[i])) + " must be a str");
}

Builtin findFilter(std::string_view name) {
  for (const auto find : {findTextFilter, findSequenceFilter, findOrderFilter, findLayoutFilter})
    if (const Builtin found = find(name)) return found;
  return nullptr;
}

}  // namespace deltascope::jinja
