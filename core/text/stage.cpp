// SPDX-License-Identifier: Apache-2.0
#include "core/text/stage.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kMostSteps = 256;

Result<void> flattenInto(const Stage& stage, const char* key, std::vector<Stage>& steps) {
  if (stage.isNull()) return {};
  DELTASCOPE_ASSIGN(const auto type, stage.type());
  if (type != "Sequence") {
    if (steps.size() == kMostSteps) return stage.refuse("more than " + std::to_string(kMostSteps) + " steps");
    steps.push_back(stage);
    return {};
  }
  DELTASCOPE_ASSIGN(const auto parts, stage.list(key));
  for (const Stage& part : parts) DELTASCOPE_TRY(flattenInto(part, key, steps));
  return {};
}

}  // namespace

Stage::Stage(const nlohmann::json& value, const std::filesystem::path& file, std::string where)
    : m_value(&value), m_file(&file), m_where(std::move(where)) {}

const nlohmann::json* Stage::find(const char* key) const {
  if (!m_value->is_object()) return nullptr;
  const auto entry = m_value->find(key);
  return entry == m_value->end() || entry->is_null() ? nullptr : &*entry;
}

bool Stage::has(const char* key) const { return find(key) != nullptr; }

tl::unexpected<Error> Stage::refuse(std::string_view what, ErrorCode code) const {
  return fail(code, at({*m_file, {}, {}}, m_where + ": " + std::string(what)));
}

tl::unexpected<Error> Stage::unsupported(std::string_view what) const { return refuse(what, ErrorCode::Unsupported); }

Result<std::string> Stage::type() const {
  if (!m_value->is_object()) return refuse("is not an object");
  return string("type");
}

Result<bool> Stage::flag(const char* key, std::optional<bool> fallback) const {
  const auto* field = find(key);
  if (!field && fallback) return *fallback;
  if (!field || !field->is_boolean()) return refuse("\"" + std::string(key) + "\" must be true or false");
  return field->get<bool>();
}

Result<std::string> Stage::string(const char* key, std::optional<std::string> fallback) const {
  const auto* field = find(key);
  if (!field && fallback) return *std::move(fallback);
  if (!field || !field->is_string()) return refuse("\"" + std::string(key) + "\" must be a string");
  return field->get<std::string>();
}

Result<std::uint32_t> Stage::number(const char* key, std::optional<std::uint32_t> fallback) const {
  const auto* field = find(key);
  if (!field && fallback) return *fallback;
  if (!field || !field->is_number_unsigned() || field->get<std::uint64_t>() > 0xFFFFFFFFu)
    return refuse("\"" + std::string(key) + "\" must be a number from 0 to 4294967295");
  return field->get<std::uint32_t>();
}

Result<Stage> Stage::object(const char* key) const {
  const auto* field = find(key);
  if (!field || !field->is_object()) return refuse("\"" + std::string(key) + "\" must be an object");
  return Stage(*field, *m_file, m_where + "." + key);
}

Result<std::vector<Stage>> Stage::list(const char* key) const {
  const auto* field = find(key);
  if (!field || !field->is_array()) return refuse("\"" + std::string(key) + "\" must be a list");
  std::vector<Stage> parts;
  for (std::size_t i = 0; i < field->size(); ++i)
    parts.emplace_back((*field)[i], *m_file, m_where + "." + key + "[" + std::to_string(i) + "]");
  return parts;
}

Result<std::vector<Stage>> flatten(const Stage& stage, const char* key) {
  std::vector<Stage> steps;
  DELTASCOPE_TRY(flattenInto(stage, key, steps));
  return steps;
}

}  // namespace deltascope::text
