// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Text from a model token by token.
#include <memory>
#include <string>

#include "core/text/tokenizer.h"

namespace deltascope {

/// Gives out text that no later token can change: a character whose bytes are incomplete, and a run of byte tokens that has not
/// ended, are held back; a leading space goes only at the start. For any ids, what add() returned for each, in order, and then
/// finish() make Tokenizer::decode of all of them. One owner at a time; several may stream from one Tokenizer.
class Detokenizer {
 public:
  /// Keeps the tokenizer's vocabulary alive. `skipSpecial`: special tokens give no text.
  explicit Detokenizer(const Tokenizer& tokenizer, bool skipSpecial = true);
  Detokenizer(Detokenizer&&) noexcept;
  Detokenizer& operator=(Detokenizer&&) noexcept;
  ~Detokenizer();

  [[nodiscard]] std::string add(TokenId id);  ///< may be empty; an id that stands for no token adds nothing
  [[nodiscard]] std::string finish();         ///< what was held back; then the stream is as new

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
