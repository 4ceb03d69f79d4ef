// SPDX-License-Identifier: Apache-2.0
#pragma once
/// JSON from files: bounded depth, no duplicate keys, errors with file and byte offset.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

/// Parses UTF-8 JSON. Refuses nesting deeper than 64, duplicate keys, invalid UTF-8 and trailing text; never throws.
[[nodiscard]] Result<nlohmann::json> parseJson(std::string_view text, const std::filesystem::path& path);

}  // namespace deltascope
