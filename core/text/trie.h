// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Strings by their prefixes: for each offset of a text, which of a set of strings begin there.
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/text/pair_table.h"

namespace deltascope::text {

/// Values of non-empty strings. Immutable once filled; bytes, not characters, so that matches of UTF-8 in UTF-8 are whole.
class Trie {
 public:
  /// The value of `key`, which is there afterwards: `value` if it was not.
  std::uint32_t& add(std::string_view key, std::uint32_t value) {
    const auto child = [this] {
      m_ends.push_back(-1);
      return static_cast<std::uint32_t>(m_ends.size() - 1);
    };
    std::uint32_t& root = m_roots[static_cast<unsigned char>(key[0])];
    if (!root) root = child();
    std::uint32_t node = root;
    for (const char c : key.substr(1)) {
      const std::uint32_t byte = static_cast<unsigned char>(c);
      auto next = m_edges.find(node, byte);
      if (next == PairTable::kAbsent) {
        next = child();
        m_edges.set(node, byte, next);
      }
      node = static_cast<std::uint32_t>(next);
    }
    if (m_ends[node] < 0) {
      m_ends[node] = static_cast<std::int64_t>(m_values.size());
      m_values.push_back(value);
    }
    return m_values[static_cast<std::size_t>(m_ends[node])];
  }

  /// Calls f(end, value) for each string that stands at `at` < text.size(), shortest first; `end` is where it ends in the text.
  template <class F>
  void forEachAt(std::string_view text, std::size_t at, F&& f) const {
    std::uint32_t node = m_roots[static_cast<unsigned char>(text[at])];
    for (std::size_t end = at + 1; node; ++end) {
      if (const auto entry = m_ends[node]; entry >= 0) f(end, m_values[static_cast<std::size_t>(entry)]);
      if (end == text.size()) return;
      const auto next = m_edges.find(node, static_cast<unsigned char>(text[end]));
      if (next == PairTable::kAbsent) return;
      node = static_cast<std::uint32_t>(next);
    }
  }
  [[nodiscard]] bool empty() const { return m_values.empty(); }

 private:
  std::vector<std::int64_t> m_ends{-1};  // for each node the value that ends there, or -1; node 0 is none
  std::vector<std::uint32_t> m_values;
  std::array<std::uint32_t, 256> m_roots{};
  PairTable m_edges;
};

}  // namespace deltascope::text
