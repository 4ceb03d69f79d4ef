// SPDX-License-Identifier: Apache-2.0
#pragma once
/// JSON from files: bounded depth, errors with file and byte offset.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

enum class JsonRules {
  Strict,  ///< RFC 8259; a key that occurs twice is refused
  Python,  ///< as Python's json reads it: also NaN, Infinity, -Infinity and numbers beyond doubles; of equal keys the last
           ///< counts
};

/// Parses UTF-8 JSON. Refuses nesting deeper than 64, invalid UTF-8, a byte order mark and trailing text; never throws.
[[nodiscard]] Result<nlohmann::json> parseJson(std::string_view text, const std::filesystem::path& path,
                                               JsonRules rules = JsonRules::Python);

/// A JSON file that belongs to a model, by Python's rules. Where it holds something else (a Git LFS pointer, a web page,
/// nothing), the error says what it is.
[[nodiscard]] Result<nlohmann::json> readModelJson(const std::filesystem::path& path, std::uint64_t limit = 64u << 20);

/// Edits of the text of an object that parseJson has accepted, for what a JSON writer would not write back (Python's numbers):
/// all other bytes stay. A key is found as it is spelled, without escapes.
[[nodiscard]] std::string withoutMember(const std::string& object, std::string_view key);
/// In the place of one of this name, or as the last. `value` is JSON.
[[nodiscard]] std::string withMember(const std::string& object, std::string_view key, const std::string& value);

}  // namespace deltascope
