// SPDX-License-Identifier: Apache-2.0
#include "core/text/vocabulary.h"

#include <algorithm>

namespace deltascope::text {

Result<Vocabulary> Vocabulary::read(const Stage& model) {
  if (model.has("vocab") && model.value()["vocab"].is_array()) return readList(model);
  DELTASCOPE_ASSIGN(const Stage vocab, model.object("vocab"));
  const auto& entries = vocab.value();
  // Gaps cost memory; a file cannot ask for much more than it brings.
  const std::uint64_t limit = 4 * std::uint64_t{entries.size()} + 65536;
  std::uint64_t size = 0;
  for (const auto& [token, id] : entries.items()) {
    if (!id.is_number_unsigned()) return vocab.refuse("the id of \"" + printable(token) + "\" is not a number from 0 up");
    if (id.get<std::uint64_t>() >= limit) return vocab.refuse("the id of \"" + printable(token) + "\" is out of range");
    size = std::max(size, id.get<std::uint64_t>() + 1);
  }
  Vocabulary vocabulary;
  vocabulary.m_count = entries.size();
  vocabulary.m_tokens.resize(size);
  vocabulary.m_present.resize(size);
  vocabulary.m_ids.reserve(entries.size());
  for (const auto& [token, number] : entries.items()) {
    const auto id = number.get<std::uint32_t>();
    if (vocabulary.m_present[id])
      return vocab.refuse("\"" + printable(token) + "\" and \"" + printable(vocabulary.m_tokens[id]) + "\" have the same id");
    vocabulary.m_present[id] = true;
    vocabulary.m_tokens[id] = token;
    vocabulary.m_ids.emplace(vocabulary.m_tokens[id], id);
  }
  return vocabulary;
}

std::optional<std::uint32_t> Vocabulary::find(std::string_view token) const {
  const auto found = m_ids.find(token);
  return found == m_ids.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::token(std::uint32_t id) const {
  return id < m_tokens.size() && m_present[id] ? &m_tokens[id] : nullptr;
}

Result<Vocabulary> Vocabulary::readList(const Stage& model) {
  const auto& entries = model.value()["vocab"];
  Vocabulary vocabulary;
  vocabulary.m_count = entries.size();
  vocabulary.m_tokens.reserve(entries.size());
  for (const auto& entry : entries) {
    const auto& token = entry.is_array() && !entry.empty() ? entry[0] : entry;
    if (!token.is_string()) return model.refuse("vocab[" + std::to_string(vocabulary.m_tokens.size()) + "] has no token");
    vocabulary.m_tokens.push_back(token.get<std::string>());
  }
  vocabulary.m_present.assign(entries.size(), true);
  vocabulary.m_ids.reserve(entries.size());
  for (std::uint32_t id = 0; id < vocabulary.m_tokens.size(); ++id) vocabulary.m_ids[vocabulary.m_tokens[id]] = id;
  return vocabulary;
}

}  // namespace deltascope::text
