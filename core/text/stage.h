// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One stage of a tokenizer.json as it is read: typed access to its fields, and errors that name file and stage.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope::text {

/// Borrows the JSON and the path; cheap to copy. A field of the wrong type is ErrorCode::Corrupt.
class Stage {
 public:
  Stage(const nlohmann::json& value, const std::filesystem::path& file, std::string where);

  [[nodiscard]] bool isNull() const { return m_value->is_null(); }
  [[nodiscard]] const nlohmann::json& value() const { return *m_value; }
  [[nodiscard]] Result<std::string> type() const;  ///< the field "type"
  /// A missing or null field is the fallback; without one it is an error.
  [[nodiscard]] Result<bool> flag(const char* key, std::optional<bool> fallback = {}) const;
  [[nodiscard]] Result<std::string> string(const char* key, std::optional<std::string> fallback = {}) const;
  [[nodiscard]] Result<std::uint32_t> number(const char* key, std::optional<std::uint32_t> fallback = {}) const;
  [[nodiscard]] Result<Stage> object(const char* key) const;
  [[nodiscard]] Result<std::vector<Stage>> list(const char* key) const;
  [[nodiscard]] bool has(const char* key) const;  ///< present and not null

  /// "tokenizer.json, pre_tokenizer.pretokenizers[1]: what"
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view what, ErrorCode code = ErrorCode::Corrupt) const;
  [[nodiscard]] tl::unexpected<Error> unsupported(std::string_view what) const;

 private:
  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  const nlohmann::json* m_value;
  const std::filesystem::path* m_file;
  std::string m_where;
};

/// The steps of a stage in order: a "Sequence" (its `key` holds the parts, nested ones too) or the stage itself; none for null.
[[nodiscard]] Result<std::vector<Stage>> flatten(const Stage& stage, const char* key);

}  // namespace deltascope::text
