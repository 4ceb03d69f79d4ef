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

namespace deltascope::text {

/// Tokens by id and ids by token. Ids may have gaps.
class Vocabulary {
 public:
  [[nodiscard]] static Result<Vocabulary> read(const Stage& model);
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view token) const;
  [[nodiscard]] const std::string* token(std::uint32_t id) const;     ///< null for a gap or beyond the end
  [[nodiscard]] std::size_t size() const { return m_tokens.size(); }  ///< highest id + 1

 private:
  std::vector<std::string> m_tokens;
  std::vector<bool> m_present;
  std::unordered_map<std::string_view, std::uint32_t> m_ids;  // views of m_tokens' strings
};

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
  /// Time: n log n in the length of a piece.
  void encode(std::string_view text, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const;

  [[nodiscard]] const Vocabulary& vocabulary() const { return m_vocabulary; }

 private:
  Result<void> readMerges(const Stage& model);
  void findByteTokens();
  bool splitsBeforeSpace() const;
  void encodePiece(std::string_view piece, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const;
  void addChars(std::string_view piece, Work& work) const;
  void merge(Work& work) const;
  void offer(Work& work, std::int32_t left) const;

  Vocabulary m_vocabulary;
  PairTable m_merges;  // pair of ids → rank << 32 | merged id
  std::vector<std::uint32_t> m_merged;
  std::array<std::int64_t, 256> m_byteLevel{}, m_byteFallback{};  // ids, or -1
  std::optional<std::uint32_t> m_unknown;
  std::string m_prefix, m_suffix;  // continuing_subword_prefix, end_of_word_suffix
  bool m_fuseUnknown = false, m_useByteFallback = false, m_ignoreMerges = false;
  bool m_allBytes = false;       // every byte has a byte-level token
  bool m_splitAtSpaces = false;  // no token crosses from another character to "▁"
};

}  // namespace deltascope::text
