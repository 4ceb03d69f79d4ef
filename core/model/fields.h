// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Reading checked numbers and flags out of a model's JSON. Internal to core/model and core/runtime.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace deltascope {

/// One JSON object of a file. Absent fields and nulls give the fallback; a field of another type or outside its range is
/// Corrupt, with file and field named.
class Fields {
 public:
  Fields(const nlohmann::json& object, const std::filesystem::path& path, std::string prefix = {});

  [[nodiscard]] bool has(const char* name) const;                    ///< present and not null
  [[nodiscard]] const nlohmann::json* find(const char* name) const;  ///< null: absent, or null in the file
  [[nodiscard]] const nlohmann::json* raw(const char* name) const;   ///< null: absent
  [[nodiscard]] Result<std::uint32_t> size(const char* name, std::optional<std::uint32_t> fallback, std::uint32_t most) const;
  [[nodiscard]] Result<double> number(const char* name, std::optional<double> fallback) const;  ///< finite
  [[nodiscard]] Result<bool> flag(const char* name, bool fallback) const;
  [[nodiscard]] Result<std::string> text(const char* name, std::optional<std::string> fallback) const;

  /// Of an object in this one, whose fields messages name with `name` before them. Both must outlive it.
  [[nodiscard]] Fields inner(const nlohmann::json& object, const std::string& name) const {
    return Fields(object, m_path, m_prefix + name + ".");
  }

  [[nodiscard]] tl::unexpected<Error> corrupt(const char* name, const std::string& what) const;
  [[nodiscard]] tl::unexpected<Error> unsupported(const char* name, const std::string& what, std::string hint = {}) const;

 private:
  const nlohmann::json& m_object;
  const std::filesystem::path& m_path;
  std::string m_prefix;
};

}  // namespace deltascope
