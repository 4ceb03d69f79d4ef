// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Added tokens: strings that are cut out of the text before the model sees it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/stage.h"
#include "core/text/trie.h"

namespace deltascope::text {

struct AddedToken {
  std::string content;
  bool special = false, normalized = false, singleWord = false, leftStrip = false, rightStrip = false;
  bool operator==(const AddedToken&) const = default;
};

/// One object of "content" and flags; what is absent is false, but "normalized" is what "special" is not.
[[nodiscard]] Result<AddedToken> readAddedToken(const Stage& stage);
/// Reads `added_tokens` of a tokenizer.json, in order. Ids there are written by the tokenizers library but not read: a token's
/// id is the vocabulary's, or the next free one.
[[nodiscard]] Result<std::vector<AddedToken>> readAddedTokens(const Stage& file);

/// A part of a text: an added token, or what lies between two.
struct Section {
  std::size_t begin = 0, end = 0;
  std::optional<std::uint32_t> id;
};

/// Finds a set of added tokens: leftmost, then longest. Immutable once filled.
class TokenFinder {
 public:
  /// `pattern`: the content as it stands in the text that is searched. The first of equal patterns wins. An empty one, which a
  /// normalizer may leave, stands between all characters.
  void add(std::string_view pattern, std::uint32_t id, const AddedToken& token);

  /// Sections in order, none empty, that cover `text` (valid UTF-8), and may overlap where white space belongs to two. `marks`:
  /// empty, or one byte for each of the text; no special token is found where a byte is '\1'. Time: text size times the longest
  /// pattern (at most 1024 bytes). Unsupported where an empty pattern would cut a character in two.
  [[nodiscard]] Result<std::vector<Section>> find(std::string_view text, std::string_view marks) const;
  [[nodiscard]] bool empty() const { return m_entries.empty(); }

 private:
  struct Entry {
    std::uint32_t id;
    AddedToken token;  // its flags; the content is for messages
  };
  struct Match {
    std::size_t length;
    const Entry* entry;
  };
  [[nodiscard]] std::optional<Match> matchAt(std::string_view text, std::string_view marks, std::size_t at) const;

  std::vector<Entry> m_entries;
  Trie m_patterns;  // values are indexes of m_entries
  std::optional<std::size_t> m_everywhere;
};

}  // namespace deltascope::text
