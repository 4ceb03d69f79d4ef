// SPDX-License-Identifier: Apache-2.0
#include "core/text/added_vocabulary.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestPattern = 1024;

}  // namespace

Result<void> AddedVocabulary::add(std::span<const AddedToken> tokens, const Vocabulary& vocabulary,
                                  const Normalizer& normalizer) {
  const std::uint64_t known = vocabulary.count();
  std::uint64_t next = m_tokens.empty() ? known : std::uint64_t{m_tokens.rbegin()->first} + 1;
  if (next < known) next = known;
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    auto found = id(token.content);
    if (found && m_tokens.contains(*found) && m_tokens.at(*found) == token) continue;
    if (!found) found = vocabulary.find(token.content);
    if (!found) {
      if (next > 0xFFFFFFFFu) return fail(ErrorCode::Unsupported, "there are no ids left for added tokens");
      found = static_cast<std::uint32_t>(next++);
    }
    if (token.normalized) {
      std::string pattern = token.content, noMarks;
      DELTASCOPE_TRY(normalize(normalizer, pattern, noMarks));
      if (pattern.size() > kLongestPattern)
        return fail(ErrorCode::Unsupported,
                    "the added token \"" + printable(token.content) + "\" is longer than 1024 bytes once normalized");
      if (pattern != token.content) m_normalized[*found] = std::move(pattern);
    }
    m_ids[token.content] = *found;
    if (token.special) m_specials.insert(token.content);
    m_tokens[*found] = token;
  }
  return {};
}

std::optional<std::uint32_t> AddedVocabulary::id(const std::string& content) const {
  const auto found = m_ids.find(content);
  return found == m_ids.end() ? std::nullopt : std::optional(found->second);
}

const std::string* AddedVocabulary::shown(std::uint32_t id) const {
  const auto token = m_tokens.find(id);
  if (token == m_tokens.end()) return nullptr;
  const auto normalized = m_normalized.find(id);
  return normalized == m_normalized.end() ? &token->second.content : &normalized->second;
}

bool AddedVocabulary::isSpecial(std::uint32_t id) const {
  const auto* text = shown(id);
  return text && m_specials.contains(*text);
}

TokenFinder AddedVocabulary::finder(bool normalized) const {
  TokenFinder finder;
  for (const auto& [id, token] : m_tokens)
    if (token.normalized == normalized) finder.add(normalized ? *shown(id) : token.content, id, token);
  return finder;
}

}  // namespace deltascope::text
