// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The added tokens of a tokenizer with their ids, given and looked up as the tokenizers library does.
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/added_tokens.h"
#include "core/text/normalizer.h"
#include "core/text/vocabulary.h"

namespace deltascope::text {

class AddedVocabulary {
 public:
  /// One call of the library's add_tokens. A token of the vocabulary keeps its id; a new one gets the next after the highest
  /// added id, or after the number of tokens in the vocabulary; the same content again has the new flags. Empty ones are left
  /// out. An id past 2^32 or a pattern longer than 1024 bytes once normalized is Unsupported.
  [[nodiscard]] Result<void> add(std::span<const AddedToken> tokens, const Vocabulary& vocabulary,
                                 const Normalizer& normalizer);

  [[nodiscard]] std::optional<std::uint32_t> id(const std::string& content) const;
  [[nodiscard]] const std::map<std::uint32_t, AddedToken>& tokens() const { return m_tokens; }
  /// What decoding shows of an id: a token that is matched in normalized text shows as such.
  [[nodiscard]] const std::string* shown(std::uint32_t id) const;
  /// Whether the token was ever added as a special one.
  [[nodiscard]] bool isSpecial(std::uint32_t id) const;
  /// All that are matched before, or after, normalization.
  [[nodiscard]] TokenFinder finder(bool normalized) const;

 private:
  std::map<std::uint32_t, AddedToken> m_tokens;
  std::unordered_map<std::string, std::uint32_t> m_ids;
  std::unordered_map<std::uint32_t, std::string> m_normalized;  // where it differs from the content
  std::set<std::string> m_specials;
};

}  // namespace deltascope::text
