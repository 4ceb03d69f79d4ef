// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The `model` of a tokenizer.json: BPE, Unigram, WordPiece or WordLevel.
#include <variant>

#include "core/text/bpe.h"
#include "core/text/unigram.h"
#include "core/text/word_piece.h"

namespace deltascope::text {

/// Immutable once read; threads may share it, each with its own Work.
class Model {
 public:
  /// A model without "type" is told by its fields, as the tokenizers library does. Others are refused by name.
  [[nodiscard]] static Result<Model> read(const Stage& model);

  struct Work {
    explicit Work(std::size_t bytes) : bpe(bytes) {}
    Bpe::Work bpe;
    Unigram::Work unigram;
  };
  /// Appends the ids of `text` (valid UTF-8, not empty). With `isBytes` the text stands for its byte-level characters.
  [[nodiscard]] Result<void> encode(std::string_view text, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const;

  [[nodiscard]] const Vocabulary& vocabulary() const;

 private:
  std::variant<Bpe, Unigram, WordPiece> m_kind;
};

}  // namespace deltascope::text
