// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a Tokenizer is made of.
#include <unordered_map>

#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/decoder.h"
#include "core/text/normalizer.h"
#include "core/text/post_processor.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/tokenizer.h"

namespace deltascope {

struct Tokenizer::State {
  std::filesystem::path file;
  std::unordered_map<TokenId, text::AddedToken> added;
  std::unordered_map<std::string_view, TokenId> addedIds;  // views of the contents in `added`
  std::vector<TokenId> specials;
  text::TokenFinder inText, inNormalized;  // the added tokens that are found before, and after normalization
  text::Normalizer normalizer;
  text::PreTokenizer preTokenizer;
  text::Bpe model;
  text::PostProcessor postProcessor;
  text::Decoder decoder;
  std::size_t size = 0;

  [[nodiscard]] std::optional<std::string_view> token(TokenId id) const;
  [[nodiscard]] bool isSpecial(TokenId id) const;
};

}  // namespace deltascope
