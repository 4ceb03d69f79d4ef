// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Added tokens: strings that are cut out of the text before the model sees it.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/pair_table.h"
#include "core/text/stage.h"

namespace deltascope::text {

struct AddedToken {
  std::uint32_t id = 0;
  std::string content;
  bool special = false, normalized = false, singleWord = false, leftStrip = false, rightStrip = false;
};

/// Reads `added_tokens`. Empty contents are left out, as the tokenizers library does.
[[nodiscard]] Result<std::vector<AddedToken>> readAddedTokens(const Stage& file);

/// A part of a text: an added token, or what lies between two.
struct Section {
  std::size_t begin = 0, end = 0;
  std::optional<std::uint32_t> id;
};

/// Finds a set of added tokens: leftmost, then longest. Immutable once filled.
class TokenFinder {
 public:
  /// `pattern`: the content as it stands in the text that is searched. The first of equal patterns wins.
  void add(std::string_view pattern, const AddedToken& token);

  /// Sections in order, none empty, that cover `text` (valid UTF-8). `marks`: empty, or one byte for each of the text; no
  /// special token is found where a byte is '\1'. Time: text size times the longest pattern (at most 1024 bytes).
  [[nodiscard]] std::vector<Section> find(std::string_view text, std::string_view marks) const;
  [[nodiscard]] bool empty() const { return m_entries.empty(); }

 private:
  struct Entry {
    std::uint32_t id;
    bool special, singleWord, leftStrip, rightStrip;
  };
  struct Match {
    std::size_t length;
    const Entry* entry;
  };
  [[nodiscard]] std::optional<Match> matchAt(std::string_view text, std::string_view marks, std::size_t at) const;

  std::vector<Entry> m_entries;
  std::vector<std::int64_t> m_ends{-1};  // for each node of the trie the entry that ends there, or -1
  std::array<std::uint32_t, 256> m_roots{};
  PairTable m_edges;
};

}  // namespace deltascope::text
