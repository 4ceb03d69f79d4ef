// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What short pieces were encoded to: a fixed table in which a newer piece overwrites an older one.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

namespace deltascope::text {

/// Values are ranges of the output that is being written, so hits copy ids and nothing is allocated.
class PieceCache {
 public:
  struct Entry {
    std::uint64_t begin = 0;  ///< in the output
    std::uint32_t count = 0;  ///< ids
    std::uint8_t length = 0;  ///< of the key; 0: empty entry
    std::array<char, 19> key;
  };
  static constexpr std::size_t kLongestKey = 19;

  /// `bytes`: how much text is to come; the table takes at most 1 MiB.
  explicit PieceCache(std::size_t bytes) : m_entries(std::clamp<std::size_t>(std::bit_ceil(bytes / 16 + 1), 16, 1 << 15)) {}

  /// The entry for `piece` (1 … kLongestKey bytes); compare with holds(), then use or overwrite with store().
  [[nodiscard]] Entry& slot(std::string_view piece) {
    return m_entries[std::hash<std::string_view>{}(piece) & (m_entries.size() - 1)];
  }
  [[nodiscard]] static bool holds(const Entry& entry, std::string_view piece) {
    return entry.length == piece.size() && std::memcmp(entry.key.data(), piece.data(), piece.size()) == 0;
  }
  static void store(Entry& entry, std::string_view piece, std::size_t begin, std::size_t count) {
    entry.begin = begin;
    entry.count = static_cast<std::uint32_t>(count);
    entry.length = static_cast<std::uint8_t>(piece.size());
    std::memcpy(entry.key.data(), piece.data(), piece.size());
  }

 private:
  std::vector<Entry> m_entries;
};

}  // namespace deltascope::text
