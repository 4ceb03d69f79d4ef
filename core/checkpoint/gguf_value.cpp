// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_value.h"

#include <array>
#include <charconv>

#include "core/base/units.h"

namespace deltascope {
namespace {

template <class T>
std::string shortest(T value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string_view elementsOf(GgufType type) {
  switch (type) {
    case GgufType::String:
      return " texts";
    case GgufType::Bool:
      return " truth values";
    case GgufType::Array:
      return " arrays";
    default:
      return " numbers";
  }
}

struct ToText {
  std::string operator()(std::uint64_t value) const { return std::to_string(value); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(float value) const { return shortest(value); }
  std::string operator()(double value) const { return shortest(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const GgufArray& array) const {
    return formatCount(array.count) + std::string(elementsOf(array.type));
  }
};

const GgufValue* find(const GgufMetadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &found->second;
}

}  // namespace

std::string textOf(const GgufValue& value) { return std::visit(ToText(), value); }

std::optional<std::uint64_t> wholeIn(const GgufMetadata& metadata, std::string_view key) {
  const auto* value = find(metadata, key);
  if (!value) return std::nullopt;
  if (const auto* whole = std::get_if<std::uint64_t>(value)) return *whole;
  const auto* number = std::get_if<std::int64_t>(value);
  return number && *number >= 0 ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

const std::string* textIn(const GgufMetadata& metadata, std::string_view key) {
  const auto* value = find(metadata, key);
  return value ? std::get_if<std::string>(value) : nullptr;
}

std::optional<double> numberIn(const GgufMetadata& metadata, std::string_view key) {
  const auto* value = find(metadata, key);
  if (!value) return std::nullopt;
  if (const auto* single = std::get_if<float>(value)) return *single;
  if (const auto* wide = std::get_if<double>(value)) return *wide;
  if (const auto* number = std::get_if<std::int64_t>(value)) return static_cast<double>(*number);
  if (const auto* whole = std::get_if<std::uint64_t>(value)) return static_cast<double>(*whole);
  return std::nullopt;
}

}  // namespace deltascope
