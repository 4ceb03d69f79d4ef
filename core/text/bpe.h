// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Byte-pair encoding of one piece of text, as the `model` of a tokenizer.json of type BPE says.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/pair_table.h"
#include "core/text/piece_cache.h"
#include "core/text/stage.h"
#include "core/text/vocabulary.h"

namespace deltascope::text {

/// Immutable once read; threads may share it, each with its own Work.
class Bpe {
 public:
  /// Reads `model`; unsupported options are refused by name, a merge of tokens that are not in the vocabulary is Corrupt.
  [[nodiscard]] static Result<Bpe> read(const Stage& model);

  /// Buffers of one encoding. `cache` refers to positions in the output, so one Work belongs to one output.
  struct Work {
    struct Symbol {
      std::uint32_t id = 0;
      std::int32_t previous = -1, next = -1;  // -1: none
      bool alive = true;
    };
    struct Candidate {
      std::uint64_t order = 0;  // rank, then position
      std::uint32_t id = 0;
      bool operator<(const Candidate& other) const { return order > other.order; }
    };
    explicit Work(std::size_t bytes) : cache(bytes) {}
    PieceCache cache;
    std::vector<Symbol> symbols;
    std::vector<Candidate> queue;
  };

  /// Appends the ids of `text` (valid UTF-8, not empty). With `isBytes` the text stands for its byte-level characters.
  /// An unknown character is unk_token's id, or left out where the model names none; Unsupported where it names one that it
  /// lacks. Time: n log n in the length of a piece.
  [[nodiscard]] Result<void> encode(std::string_view text, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const;

  [[nodiscard]] const Vocabulary& vocabulary() const { return m_vocabulary; }

 private:
  Result<void> readMerges(const Stage& model);
  void findByteTokens();
  bool splitsBeforeSpace() const;
  Result<void> encodePiece(std::string_view piece, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const;
  Result<void> addChars(std::string_view piece, Work& work) const;
  void merge(Work& work) const;
  void offer(Work& work, std::int32_t left) const;

  Vocabulary m_vocabulary;
  PairTable m_merges;  // pair of ids → rank << 32 | merged id
  std::vector<std::uint32_t> m_merged;
  std::array<std::int64_t, 256> m_byteLevel{}, m_byteFallback{};  // ids, or -1
  std::optional<std::uint32_t> m_unknown;
  std::string m_missingUnknown;    // an unk_token that is not in the vocabulary
  std::string m_prefix, m_suffix;  // continuing_subword_prefix, end_of_word_suffix
  bool m_fuseUnknown = false, m_useByteFallback = false, m_ignoreMerges = false;
  bool m_allBytes = false;       // every byte has a byte-level token
  bool m_splitAtSpaces = false;  // no token crosses from another character to "▁"
};

}  // namespace deltascope::text
