// SPDX-License-Identifier: Apache-2.0
#include "core/model/fields.h"

#include <cmath>

namespace deltascope {
namespace {

const nlohmann::json& objectOrEmpty(const nlohmann::json& json) {
  static const nlohmann::json empty = nlohmann::json::object();
  return json.is_object() ? json : empty;
}

}  // namespace

Fields::Fields(const nlohmann::json& object, const std::filesystem::path& path, std::string prefix)
    : m_object(objectOrEmpty(object)), m_path(path), m_prefix(std::move(prefix)) {}

const nlohmann::json* Fields::raw(const char* name) const {
  const auto found = m_object.find(name);
  return found != m_object.end() ? &*found : nullptr;
}

const nlohmann::json* Fields::find(const char* name) const {
  const auto* value = raw(name);
  return value && !value->is_null() ? value : nullptr;
}

bool Fields::has(const char* name) const { return find(name) != nullptr; }

tl::unexpected<Error> Fields::corrupt(const char* name, const std::string& what) const {
  return fail(ErrorCode::Corrupt, at({m_path, {}, {}}, m_prefix + name + " " + what));
}

tl::unexpected<Error> Fields::unsupported(const char* name, const std::string& what, std::string hint) const {
  return fail(ErrorCode::Unsupported, at({m_path, {}, {}}, m_prefix + name + ": " + what), std::move(hint));
}

Result<std::uint32_t> Fields::size(const char* name, std::optional<std::uint32_t> fallback, std::uint32_t most) const {
  const auto* value = find(name);
  if (!value) {
    if (fallback) return *fallback;
    return corrupt(name, "is missing");
  }
  // Whole numbers only, signed or not; some writers give 8192.0.
  const double number = value->is_number() ? value->get<double>() : -1.0;
  if (!(number >= 0) || number > most || number != std::floor(number))
    return corrupt(name, "is not a whole number from 0 to " + std::to_string(most));
  return static_cast<std::uint32_t>(number);
}

Result<double> Fields::number(const char* name, std::optional<double> fallback) const {
  const auto* value = find(name);
  if (!value) {
    if (fallback) return *fallback;
    return corrupt(name, "is missing");
  }
  if (!value->is_number() || !std::isfinite(value->get<double>())) return corrupt(name, "is not a number");
  return value->get<double>();
}

Result<bool> Fields::flag(const char* name, bool fallback) const {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_boolean()) return corrupt(name, "is neither true nor false");
  return value->get<bool>();
}

Result<std::string> Fields::text(const char* name, std::optional<std::string> fallback) const {
  const auto* value = find(name);
  if (!value) {
    if (fallback) return *fallback;
    return corrupt(name, "is missing");
  }
  if (!value->is_string()) return corrupt(name, "is not a text");
  return value->get<std::string>();
}

}  // namespace deltascope
