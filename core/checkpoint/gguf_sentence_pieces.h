// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tokenizers of SentencePiece in a GGUF file's metadata: tokens with scores. As transformers 5.24 makes a tokenizer.json of
/// them (integrations/gguf/gguf_tokenizer_mapping.py); goldens in tests/data/text. Internal to core/checkpoint.
#include <nlohmann/json_fwd.hpp>

#include "core/checkpoint/gguf_file.h"

namespace deltascope {

/// What an architecture does about spaces.
struct SentencePieces {
  enum class Spaces : std::uint8_t {
    First,      ///< one before the text
    Always,     ///< the same, also before text that begins with one
    AsTheyAre,  ///< none is added, and words keep the space after them (Gemma)
    None        ///< none is added
  };
  Spaces spaces = Spaces::First;
  bool spellsSpaces = false;  ///< tokens of nothing but spaces are stored as spaces
  bool byPlace = false;       ///< tokens are ordered as they merge, whatever their scores
};

/// Whether `tokenizer.ggml.model` is "llama", with tokens and scores.
[[nodiscard]] bool hasSentencePieces(const GgufMetadata& metadata);
[[nodiscard]] SentencePieces sentencePiecesOf(const GgufMetadata& metadata);
/// A token of nothing but spaces in the spelling of the vocabulary.
void spellSpaces(std::string& token);
/// Adds model, normalizer, pre_tokenizer and decoder. Untrusted bytes: scores that are not finite numbers or fewer than tokens,
/// and tokens longer than 1,024 characters, are Corrupt.
[[nodiscard]] Result<void> addSentencePieces(const GgufFile& file, const SentencePieces& pieces,
                                             const std::vector<std::string>& tokens, nlohmann::json& tokenizer);

/// An array of texts, or of numbers; null where there is none.
[[nodiscard]] const GgufArray* arrayIn(const GgufMetadata& metadata, std::string_view key, bool texts);
[[nodiscard]] bool flagIn(const GgufMetadata& metadata, std::string_view key, bool otherwise);

}  // namespace deltascope
