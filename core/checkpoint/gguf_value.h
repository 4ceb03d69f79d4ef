// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a GGUF file says about its model: keys and typed values.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace deltascope {

/// Types of values, by their numbers in the file.
enum class GgufType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// An array stays in the file; GgufFile reads it where it is asked for.
struct GgufArray {
  GgufType type = GgufType::U8;  ///< of its elements
  std::uint64_t count = 0;
  std::uint64_t offset = 0, bytes = 0;  ///< of its elements in the file
};

using GgufValue = std::variant<std::uint64_t, std::int64_t, float, double, bool, std::string, GgufArray>;
using GgufMetadata = std::map<std::string, GgufValue, std::less<>>;

/// In one line: "llama", "32", "1e-05", "128,256 texts". Not cut, and not made printable.
[[nodiscard]] std::string textOf(const GgufValue& value);
/// A whole number that is not negative, a text, or any number; nothing where the key is missing or another kind of value.
[[nodiscard]] std::optional<std::uint64_t> wholeIn(const GgufMetadata& metadata, std::string_view key);
[[nodiscard]] const std::string* textIn(const GgufMetadata& metadata, std::string_view key);
[[nodiscard]] std::optional<double> numberIn(const GgufMetadata& metadata, std::string_view key);

}  // namespace deltascope
