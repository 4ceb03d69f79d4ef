// SPDX-License-Identifier: Apache-2.0
#include "core/text/tokenizer.h"

#include <algorithm>

#include "core/text/tokenizer_state.h"
#include "core/text/utf8.h"

namespace deltascope {
namespace {

constexpr std::size_t kLongestText = 0x7FFFFFFF;

/// One encoding on its way through the stages.
class Encoding {
 public:
  Encoding(const text::Normalizer& normalizer, const text::PreTokenizer& preTokenizer, const text::Model& model,
           const text::TokenFinder& inNormalized, std::size_t bytes)
      : m_normalizer(normalizer), m_preTokenizer(preTokenizer), m_model(model), m_inNormalized(inNormalized), m_work(bytes) {}

  Result<void> section(std::string_view text, std::string_view marks, bool atStart, std::vector<TokenId>& ids) {
    if (m_normalizer.steps.empty()) return normalized(text, marks, atStart, ids);
    std::string changed(text), changedMarks(marks);
    DELTASCOPE_TRY(text::normalize(m_normalizer, changed, changedMarks));
    return normalized(changed, changedMarks, atStart, ids);
  }

 private:
  Result<void> normalized(std::string_view text, std::string_view marks, bool atStart, std::vector<TokenId>& ids) {
    DELTASCOPE_ASSIGN(const auto parts, m_inNormalized.find(text, marks));
    for (const auto& part : parts) {
      if (part.id)
        ids.push_back(*part.id);
      else
        DELTASCOPE_TRY(plain(text.substr(part.begin, part.end - part.begin), atStart && part.begin == 0, ids));
    }
    return {};
  }

  Result<void> plain(std::string_view text, bool atStart, std::vector<TokenId>& ids) {
    text::Pieces pieces;
    pieces.text = text;
    pieces.atStart = atStart;
    pieces.spans = {{0, static_cast<std::uint32_t>(text.size()), false}};
    DELTASCOPE_TRY(text::preTokenize(m_preTokenizer, pieces));
    for (const auto& span : pieces.spans)
      DELTASCOPE_TRY(m_model.encode(pieces.text.substr(span.begin, span.size()), m_preTokenizer.yieldsBytes, m_work, ids));
    return {};
  }

  const text::Normalizer& m_normalizer;
  const text::PreTokenizer& m_preTokenizer;
  const text::Model& m_model;
  const text::TokenFinder& m_inNormalized;
  text::Model::Work m_work;
};

}  // namespace

std::optional<std::string_view> Tokenizer::State::token(TokenId id) const {
  if (const auto* text = added.shown(id)) return *text;
  const auto* token = model.vocabulary().token(id);
  return token ? std::optional<std::string_view>(*token) : std::nullopt;
}

bool Tokenizer::State::isSpecial(TokenId id) const { return std::binary_search(specials.begin(), specials.end(), id); }

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, bool addSpecial) const {
  const TextSegment all{text, true};
  return encode(std::span(&all, 1), addSpecial);
}

Result<std::vector<TokenId>> Tokenizer::encode(std::span<const TextSegment> segments, bool addSpecial) const {
  const State& s = *m_state;
  std::string joined, marks;
  std::size_t bytes = 0;
  bool restricted = false;
  for (const auto& segment : segments) {
    if (segment.text.size() > kLongestText - bytes) return fail(ErrorCode::InvalidArgument, "the text is longer than 2 GiB");
    bytes += segment.text.size();
    restricted = restricted || !segment.mayContainSpecialTokens;
  }
  std::string_view text;
  if (segments.size() == 1) {
    text = segments[0].text;
  } else {
    joined.reserve(bytes);
    for (const auto& segment : segments) joined += segment.text;
    text = joined;
  }
  if ((restricted || s.specialsAreText) && !s.specials.empty())
    for (const auto& segment : segments)
      marks.append(segment.text.size(), segment.mayContainSpecialTokens && !s.specialsAreText ? '\0' : '\1');
  if (const auto offset = text::firstNotUtf8(text))
    return fail(ErrorCode::InvalidArgument, "the text is not UTF-8 at byte " + std::to_string(*offset));

  std::vector<TokenId> ids;
  ids.reserve(bytes / 3 + 16);
  if (addSpecial) ids = s.postProcessor.before;
  Encoding encoding(s.normalizer, s.preTokenizer, s.model, s.inNormalized, bytes);
  DELTASCOPE_ASSIGN(const auto parts, s.inText.find(text, marks));
  for (const auto& part : parts) {
    if (part.id) {
      ids.push_back(*part.id);
      continue;
    }
    const std::size_t size = part.end - part.begin;
    const auto partMarks = marks.empty() ? std::string_view() : std::string_view(marks).substr(part.begin, size);
    if (auto done = encoding.section(text.substr(part.begin, size), partMarks, part.begin == 0, ids); !done)
      return fail(done.error().code, at({s.file, {}, {}}, done.error().message), done.error().hint);
  }
  if (addSpecial) ids.insert(ids.end(), s.postProcessor.after.begin(), s.postProcessor.after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skipSpecial) const {
  text::Decoding decoding(m_state->decoder);
  for (const TokenId id : ids) {
    if (skipSpecial && isSpecial(id)) continue;
    if (const auto text = m_state->token(id)) decoding.add(*text);
  }
  decoding.finish();
  return decoding.take();
}

std::size_t Tokenizer::size() const { return m_state->size; }

std::optional<TokenId> Tokenizer::id(std::string_view token) const {
  const auto added = m_state->added.id(std::string(token));
  return added ? added : m_state->model.vocabulary().find(token);
}

const std::string& Tokenizer::className() const { return m_state->className; }
bool Tokenizer::runsFileStages() const { return m_state->fileStages; }

std::optional<std::string_view> Tokenizer::token(TokenId id) const { return m_state->token(id); }
bool Tokenizer::isSpecial(TokenId id) const { return m_state->isSpecial(id); }
const std::vector<TokenId>& Tokenizer::specialIds() const { return m_state->specials; }
const std::vector<TokenId>& Tokenizer::idsBefore() const { return m_state->postProcessor.before; }
const std::vector<TokenId>& Tokenizer::idsAfter() const { return m_state->postProcessor.after; }

}  // namespace deltascope
