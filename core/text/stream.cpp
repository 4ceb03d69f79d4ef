// SPDX-License-Identifier: Apache-2.0
#include "core/text/stream.h"

#include "core/text/tokenizer_state.h"

namespace deltascope {

struct Detokenizer::State {
  std::shared_ptr<const Tokenizer::State> tokenizer;
  bool skipSpecial;
  text::Decoding decoding;
};

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skipSpecial)
    : m_state(new State{tokenizer.m_state, skipSpecial, text::Decoding(tokenizer.m_state->decoder)}) {}
Detokenizer::Detokenizer(Detokenizer&&) noexcept = default;
Detokenizer& Detokenizer::operator=(Detokenizer&&) noexcept = default;
Detokenizer::~Detokenizer() = default;

std::string Detokenizer::add(TokenId id) {
  const auto& tokenizer = *m_state->tokenizer;
  if (m_state->skipSpecial && tokenizer.isSpecial(id)) return {};
  if (const auto text = tokenizer.token(id)) m_state->decoding.add(*text);
  return m_state->decoding.take();
}

std::string Detokenizer::finish() {
  m_state->decoding.finish();
  return m_state->decoding.take();
}

}  // namespace deltascope
