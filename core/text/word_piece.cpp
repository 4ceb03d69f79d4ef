// SPDX-License-Identifier: Apache-2.0
#include "core/text/word_piece.h"

#include <algorithm>

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestToken = 1024;

}  // namespace

Result<WordPiece> WordPiece::read(const Stage& model) {
  WordPiece result;
  DELTASCOPE_ASSIGN(result.m_unknown, model.string("unk_token"));
  DELTASCOPE_ASSIGN(const std::string prefix, model.string("continuing_subword_prefix"));
  DELTASCOPE_ASSIGN(result.m_longestWord, model.number("max_input_chars_per_word"));
  DELTASCOPE_ASSIGN(result.m_vocabulary, Vocabulary::read(model));
  for (std::uint32_t id = 0; id < result.m_vocabulary.size(); ++id) {
    const auto* token = result.m_vocabulary.token(id);
    if (!token || token->empty()) continue;
    if (token->size() > kLongestToken) return model.unsupported("a token of more than 1024 bytes");
    result.m_first.add(*token, id) = id;
    const auto rest = std::string_view(*token).substr(token->starts_with(prefix) ? prefix.size() : token->size());
    if (!rest.empty()) result.m_further.add(rest, id) = id;
  }
  return result;
}

Result<WordPiece> WordPiece::readWordLevel(const Stage& model) {
  WordPiece result;
  result.m_wholeWords = true;
  DELTASCOPE_ASSIGN(result.m_unknown, model.string("unk_token"));
  DELTASCOPE_ASSIGN(result.m_vocabulary, Vocabulary::read(model));
  return result;
}

Result<void> WordPiece::encode(std::string_view word, std::vector<std::uint32_t>& ids) const {
  const auto unknown = [&](std::size_t before) -> Result<void> {
    ids.resize(before);
    const auto id = m_vocabulary.find(m_unknown);
    if (!id)
      return fail(ErrorCode::Unsupported,
                  "the model has no token for a word, and no \"" + printable(m_unknown, 60) + "\" either");
    ids.push_back(*id);
    return {};
  };
  const std::size_t before = ids.size();
  if (m_wholeWords) {
    const auto id = m_vocabulary.find(word);
    if (!id) return unknown(before);
    ids.push_back(*id);
    return {};
  }
  const auto characters = std::ranges::count_if(word, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (static_cast<std::size_t>(characters) > m_longestWord) return unknown(before);
  for (std::size_t at = 0; at < word.size();) {
    std::size_t end = at;
    std::uint32_t id = 0;
    (at == 0 ? m_first : m_further).forEachAt(word, at, [&](std::size_t stop, std::uint32_t value) {
      end = stop;
      id = value;
    });
    if (end == at) return unknown(before);
    ids.push_back(id);
    at = end;
  }
  return {};
}

}  // namespace deltascope::text
