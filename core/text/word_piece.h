// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The `model` of a tokenizer.json of type WordPiece (BERT's: the longest token first) or WordLevel (a token a word).
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/trie.h"
#include "core/text/vocabulary.h"

namespace deltascope::text {

/// Immutable once read; threads may share it.
class WordPiece {
 public:
  [[nodiscard]] static Result<WordPiece> read(const Stage& model);
  [[nodiscard]] static Result<WordPiece> readWordLevel(const Stage& model);

  /// Appends the ids of `word` (valid UTF-8, not empty): one unk_token for the whole word where a part of it has no token, or
  /// it is too long; Unsupported where the vocabulary lacks that too. Time: word size times the longest token.
  [[nodiscard]] Result<void> encode(std::string_view word, std::vector<std::uint32_t>& ids) const;

  [[nodiscard]] const Vocabulary& vocabulary() const { return m_vocabulary; }

 private:
  Vocabulary m_vocabulary;
  Trie m_first, m_further;  // tokens that begin a word; those that go on, without their prefix
  std::string m_unknown;
  std::uint32_t m_longestWord = 100;  // in characters
  bool m_wholeWords = false;
};

}  // namespace deltascope::text
