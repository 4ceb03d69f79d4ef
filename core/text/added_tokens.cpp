// SPDX-License-Identifier: Apache-2.0
#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestContent = 512;

/// The character that ends before `at`; `at` > 0.
char32_t charBefore(std::string_view text, std::size_t at, std::size_t& begin) {
  begin = at - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return utf8At(text, begin).c;
}

bool standsAlone(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t before = 0;
  if (begin > 0 && isWord(charBefore(text, begin, before))) return false;
  return end == text.size() || !isWord(utf8At(text, end).c);
}

}  // namespace

Result<std::vector<AddedToken>> readAddedTokens(const Stage& file) {
  std::vector<AddedToken> tokens;
  if (!file.has("added_tokens")) return tokens;
  DELTASCOPE_ASSIGN(const auto list, file.list("added_tokens"));
  for (const Stage& stage : list) {
    if (!stage.value().is_object()) return stage.refuse("is not an object");
    AddedToken token;
    DELTASCOPE_ASSIGN(token.id, stage.number("id"));
    DELTASCOPE_ASSIGN(token.content, stage.string("content"));
    DELTASCOPE_ASSIGN(token.special, stage.flag("special", false));
    DELTASCOPE_ASSIGN(token.normalized, stage.flag("normalized", !token.special));
    DELTASCOPE_ASSIGN(token.singleWord, stage.flag("single_word", false));
    DELTASCOPE_ASSIGN(token.leftStrip, stage.flag("lstrip", false));
    DELTASCOPE_ASSIGN(token.rightStrip, stage.flag("rstrip", false));
    if (token.content.size() > kLongestContent) return stage.unsupported("\"content\" is longer than 512 bytes");
    if (!token.content.empty()) tokens.push_back(std::move(token));
  }
  return tokens;
}

void TokenFinder::add(std::string_view pattern, const AddedToken& token) {
  if (pattern.empty()) return;
  const auto child = [this] {
    m_ends.push_back(-1);
    return static_cast<std::uint32_t>(m_ends.size() - 1);
  };
  std::uint32_t& root = m_roots[static_cast<unsigned char>(pattern[0])];
  if (!root) root = child();
  std::uint32_t node = root;
  for (const char c : pattern.substr(1)) {
    const std::uint32_t byte = static_cast<unsigned char>(c);
    auto next = m_edges.find(node, byte);
    if (next == PairTable::kAbsent) {
      next = child();
      m_edges.set(node, byte, next);
    }
    node = static_cast<std::uint32_t>(next);
  }
  if (m_ends[node] >= 0) return;
  m_ends[node] = static_cast<std::int64_t>(m_entries.size());
  m_entries.push_back({token.id, token.special, token.singleWord, token.leftStrip, token.rightStrip});
}

std::optional<TokenFinder::Match> TokenFinder::matchAt(std::string_view text, std::string_view marks, std::size_t at) const {
  std::optional<Match> best;
  std::uint32_t node = m_roots[static_cast<unsigned char>(text[at])];
  bool marked = false;
  for (std::size_t end = at + 1; node; ++end) {
    if (!marks.empty() && marks[end - 1]) marked = true;
    if (const auto entry = m_ends[node]; entry >= 0) {
      const Entry& found = m_entries[static_cast<std::size_t>(entry)];
      if (!(marked && found.special)) best = Match{end - at, &found};
    }
    if (end == text.size()) break;
    const auto next = m_edges.find(node, static_cast<unsigned char>(text[end]));
    if (next == PairTable::kAbsent) break;
    node = static_cast<std::uint32_t>(next);
  }
  return best;
}

std::vector<Section> TokenFinder::find(std::string_view text, std::string_view marks) const {
  std::vector<Section> sections;
  std::size_t last = 0;
  for (std::size_t at = 0; at < text.size() && !m_entries.empty();) {
    const auto match = matchAt(text, marks, at);
    if (!match) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + match->length;
    at = end;
    if (match->entry->singleWord && !standsAlone(text, begin, end)) continue;
    if (match->entry->leftStrip) {
      std::size_t before = 0;
      while (begin > last && isWhitespace(charBefore(text, begin, before))) begin = before;
    }
    if (match->entry->rightStrip) {
      while (end < text.size()) {
        const Utf8Step step = utf8At(text, end);
        if (!isWhitespace(step.c)) break;
        end += step.length;
      }
    }
    if (last < begin) sections.push_back({last, begin, std::nullopt});
    sections.push_back({begin, end, match->entry->id});
    last = end;
  }
  if (last < text.size()) sections.push_back({last, text.size(), std::nullopt});
  return sections;
}

}  // namespace deltascope::text
