// SPDX-License-Identifier: Apache-2.0
#include "core/text/chars_map.h"

#include <array>

#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

std::optional<std::string> fromBase64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int, 256> values;
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i) values[static_cast<unsigned char>(kDigits[i])] = static_cast<int>(i);
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0, count = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

std::uint32_t wordAt(std::string_view bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return word;
}

// The fields of a unit.
bool hasLeaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t valueOf(std::uint32_t unit) { return unit & 0x7FFFFFFF; }
std::uint32_t labelOf(std::uint32_t unit) { return unit & 0x800000FF; }
std::uint32_t offsetOf(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

Result<CharsMap> CharsMap::read(std::string_view base64) {
  const auto wrong = [](std::string_view what) {
    return fail(ErrorCode::Corrupt, "\"precompiled_charsmap\" " + std::string(what));
  };
  const auto bytes = fromBase64(base64);
  if (!bytes) return wrong("is not base64");
  if (bytes->size() < 4) return wrong("is cut off");
  const std::uint32_t size = wordAt(*bytes, 0);
  if (size % 4 != 0 || size == 0 || size > bytes->size() - 4) return wrong("has a trie that is longer than itself");
  CharsMap map;
  map.m_units.reserve(size / 4);
  for (std::size_t at = 4; at < 4 + std::size_t{size}; at += 4) map.m_units.push_back(wordAt(*bytes, at));
  map.m_replacements = bytes->substr(4 + std::size_t{size});
  if (firstNotUtf8(map.m_replacements)) return wrong("has replacements that are not UTF-8");
  return map;
}

std::optional<std::string_view> CharsMap::find(std::string_view text) const {
  std::uint32_t at = offsetOf(m_units[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    at ^= byte;
    if (at >= m_units.size()) return std::nullopt;
    const std::uint32_t unit = m_units[at];
    if (labelOf(unit) != byte) return std::nullopt;
    at ^= offsetOf(unit);
    if (!hasLeaf(unit)) continue;
    if (at >= m_units.size()) return std::nullopt;
    const std::size_t begin = valueOf(m_units[at]);
    // An offset into the middle of a character is a damaged file's.
    if (begin > m_replacements.size() ||
        (begin < m_replacements.size() && (static_cast<unsigned char>(m_replacements[begin]) & 0xC0) == 0x80))
      return std::nullopt;
    return std::string_view(m_replacements).substr(begin, m_replacements.find('\0', begin) - begin);
  }
  return std::nullopt;
}

}  // namespace deltascope::text
