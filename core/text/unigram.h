// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The `model` of a tokenizer.json of type Unigram (Kudo 2018, as SentencePiece writes it): the pieces of the highest score.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/text/trie.h"
#include "core/text/vocabulary.h"

namespace deltascope::text {

/// Immutable once read; threads may share it, each with its own Work.
class Unigram {
 public:
  /// Unsupported options are refused by name.
  [[nodiscard]] static Result<Unigram> read(const Stage& model);

  /// Buffers of one encoding.
  struct Work {
    struct Node {
      double score = 0;
      std::uint32_t begin = 0, id = 0;
      bool reached = false;
    };
    std::vector<Node> best;  ///< of the paths that end at each byte
  };
  /// Appends the ids of `text` (valid UTF-8, not empty). A character without a piece is unk_id, in a row once, or its bytes
  /// with byte_fallback; without an unk_id it is Unsupported. Time: text size times the longest piece (at most 1024 bytes).
  [[nodiscard]] Result<void> encode(std::string_view text, Work& work, std::vector<std::uint32_t>& ids) const;

  [[nodiscard]] const Vocabulary& vocabulary() const { return m_vocabulary; }

 private:
  void findBest(std::string_view text, Work& work) const;
  [[nodiscard]] bool addBytes(std::string_view text, std::vector<std::uint32_t>& ids) const;

  Vocabulary m_vocabulary;
  std::vector<double> m_scores;
  Trie m_pieces;
  std::optional<std::uint32_t> m_unknown;
  double m_unknownScore = 0;
  std::array<std::int64_t, 256> m_bytes{};  // ids of <0xNN>, or -1
  bool m_useBytes = false;
};

}  // namespace deltascope::text
