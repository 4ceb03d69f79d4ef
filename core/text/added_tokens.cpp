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

Result<AddedToken> readAddedToken(const Stage& stage) {
  if (!stage.value().is_object()) return stage.refuse("is not an object");
  AddedToken token;
  DELTASCOPE_ASSIGN(token.content, stage.string("content"));
  DELTASCOPE_ASSIGN(token.special, stage.flag("special", false));
  DELTASCOPE_ASSIGN(token.normalized, stage.flag("normalized", !token.special));
  DELTASCOPE_ASSIGN(token.singleWord, stage.flag("single_word", false));
  DELTASCOPE_ASSIGN(token.leftStrip, stage.flag("lstrip", false));
  DELTASCOPE_ASSIGN(token.rightStrip, stage.flag("rstrip", false));
  if (token.content.size() > kLongestContent) return stage.unsupported("\"content\" is longer than 512 bytes");
  return token;
}

Result<std::vector<AddedToken>> readAddedTokens(const Stage& file) {
  std::vector<AddedToken> tokens;
  if (!file.has("added_tokens")) return tokens;
  DELTASCOPE_ASSIGN(const auto list, file.list("added_tokens"));
  for (const Stage& stage : list) {
    DELTASCOPE_ASSIGN(AddedToken token, readAddedToken(stage));
    DELTASCOPE_TRY(stage.number("id"));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void TokenFinder::add(std::string_view pattern, std::uint32_t id, const AddedToken& token) {
  const auto index = static_cast<std::uint32_t>(m_entries.size());
  const bool isNew = pattern.empty() ? !m_everywhere : m_patterns.add(pattern, index) == index;
  if (!isNew) return;
  if (pattern.empty()) m_everywhere = index;
  m_entries.push_back({id, token});
}

std::optional<TokenFinder::Match> TokenFinder::matchAt(std::string_view text, std::string_view marks, std::size_t at) const {
  std::optional<Match> best;
  if (m_everywhere) best = Match{0, &m_entries[*m_everywhere]};
  if (at == text.size()) return best;
  m_patterns.forEachAt(text, at, [&](std::size_t end, std::uint32_t index) {
    const Entry& found = m_entries[index];
    const bool marked = !marks.empty() && marks.substr(at, end - at).find('\1') != std::string_view::npos;
    if (!(marked && found.token.special)) best = Match{end - at, &found};
  });
  return best;
}

Result<std::vector<Section>> TokenFinder::find(std::string_view text, std::string_view marks) const {
  std::vector<Section> sections;
  std::size_t covered = 0;
  std::optional<std::size_t> lastEnd;  // of a match, before white space was added to it
  for (std::size_t at = 0; at <= text.size() && !m_entries.empty();) {
    const auto match = matchAt(text, marks, at);
    if (!match || (match->length == 0 && lastEnd == at)) {
      ++at;
      continue;
    }
    const AddedToken& token = match->entry->token;
    std::size_t begin = at, end = at + match->length;
    at = end;
    lastEnd = end;
    if (begin == end && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      return fail(ErrorCode::Unsupported, "the added token \"" + printable(token.content, 60) +
                                              "\" is nothing once normalized, and would cut a character in two");
    if (token.singleWord && !standsAlone(text, begin, end)) continue;
    if (token.leftStrip) {
      std::size_t before = 0;
      while (begin > 0 && isWhitespace(charBefore(text, begin, before))) begin = before;
      begin = std::max(begin, covered);
    }
    if (token.rightStrip) {
      while (end < text.size()) {
        const Utf8Step step = utf8At(text, end);
        if (!isWhitespace(step.c)) break;
        end += step.length;
      }
    }
    if (begin > end) continue;  // its white space went to the token before; the tokenizers library fails here
    if (covered < begin) sections.push_back({covered, begin, std::nullopt});
    if (begin < end) sections.push_back({begin, end, match->entry->id});
    covered = end;
  }
  if (covered < text.size()) sections.push_back({covered, text.size(), std::nullopt});
  return sections;
}

}  // namespace deltascope::text
