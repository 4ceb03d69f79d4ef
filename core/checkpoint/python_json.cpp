// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/python_json.h"

#include "core/checkpoint/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace deltascope {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array<std::pair<std::string_view, double>, 3> kWords{
    {{"NaN", std::numeric_limits<double>::quiet_NaN()}, {"Infinity", kInfinity}, {"-Infinity", -kInfinity}}};

/// One past the closing quote; `at` is after the opening one.
std::size_t endOfString(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

bool isWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '.';
}

/// Infinite numbers are written with an exponent, or with more digits than any double has.
double valueOfNumber(std::string_view word) {
  constexpr std::size_t kMostDigits = 308;
  if (word.find_first_of("eE") == std::string_view::npos && word.size() <= kMostDigits) return 0;
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc::result_out_of_range || end != word.data() + word.size()) return 0;
  // out of range is both too large and too small: the exponent's sign tells, or the length of the whole part
  const auto exponent = word.find_first_of("eE");
  const bool small =
      exponent != std::string_view::npos ? word.substr(exponent + 1).starts_with('-') : word.find('.') < kMostDigits;
  return small ? 0 : word.starts_with('-') ? -kInfinity : kInfinity;
}

double valueOf(std::string_view word) {
  for (const auto& [name, value] : kWords)
    if (word == name) return value;
  return valueOfNumber(word);
}

/// One past a value; `at` is its first byte.
std::size_t endOfValue(std::string_view text, std::size_t at) {
  for (int depth = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = endOfString(text, at + 1);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    ++at;
  }
  return at;
}

std::size_t skipSpace(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

}  // namespace

std::string withoutMember(const std::string& object, std::string_view key) {
  const std::string_view text = object;
  std::size_t at = skipSpace(text, text.find('{') + 1), previous = at;  // previous: after the value before, its comma next
  while (at < text.size() && text[at] == '"') {
    const std::size_t name = at, nameEnd = endOfString(text, at + 1);
    const std::size_t value = skipSpace(text, text.find(':', nameEnd) + 1), end = endOfValue(text, value);
    const std::size_t valueEnd = text.substr(0, end).find_last_not_of(" \t\r\n") + 1;
    const bool last = end >= text.size() || text[end] != ',';
    const std::size_t next = last ? end : skipSpace(text, end + 1);
    if (text.substr(name + 1, nameEnd - name - 2) == key)
      return withoutMember(
          last ? object.substr(0, previous) + object.substr(valueEnd) : object.substr(0, name) + object.substr(next), key);
    previous = valueEnd;
    at = next;
  }
  return object;
}

std::string withMember(const std::string& object, std::string_view key, const std::string& value) {
  const std::string rest = withoutMember(object, key);
  const auto end = rest.rfind('}'), last = rest.find_last_not_of(" \t\r\n", end - 1);
  const std::string member = "  \"" + std::string(key) + "\": " + value + "\n";
  return rest.substr(0, last + 1) + (rest[last] == '{' ? "\n" : ",\n") + member + rest.substr(end);
}

PlainJson replacePythonNumbers(std::string_view text) {
  PlainJson plain{std::string(text), {}};
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at = endOfString(text, at + 1);
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && isWordByte(text[end])) ++end;
    if (end == at) {
      ++at;
      continue;
    }
    if (const double value = valueOf(text.substr(at, end - at)); !std::isfinite(value) && end - at >= 2) {
      std::fill(plain.text.begin() + static_cast<std::ptrdiff_t>(at), plain.text.begin() + static_cast<std::ptrdiff_t>(end),
                '0');
      plain.text[at] = plain.text[end - 1] = '"';
      plain.ends.emplace_back(end, value);
    }
    at = end;
  }
  return plain;
}

}  // namespace deltascope
