// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a Tokenizer is made of.
#include "core/text/added_vocabulary.h"
#include "core/text/decoder.h"
#include "core/text/model.h"
#include "core/text/normalizer.h"
#include "core/text/post_processor.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/tokenizer.h"

namespace deltascope {

struct Tokenizer::State {
  std::filesystem::path file;
  std::string className;
  bool fileStages = true, specialsAreText = false;
  text::AddedVocabulary added;
  std::vector<TokenId> specials;
  text::TokenFinder inText, inNormalized;  // the added tokens that are found before, and after normalization
  text::Normalizer normalizer;
  text::PreTokenizer preTokenizer;
  text::Model model;
  text::PostProcessor postProcessor;
  text::Decoder decoder;
  std::size_t size = 0;

  [[nodiscard]] std::optional<std::string_view> token(TokenId id) const;
  [[nodiscard]] bool isSpecial(TokenId id) const;
};

}  // namespace deltascope
