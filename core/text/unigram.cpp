// SPDX-License-Identifier: Apache-2.0
#include "core/text/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestPiece = 1024;
constexpr double kUnknownPenalty = 10;  // SentencePiece's kUnkPenalty

}  // namespace

Result<Unigram> Unigram::read(const Stage& model) {
  if (!model.has("vocab") || !model.value()["vocab"].is_array())
    return model.refuse("\"vocab\" must be a list of pieces and scores");
  Unigram unigram;
  DELTASCOPE_ASSIGN(unigram.m_vocabulary, Vocabulary::read(model));
  double lowest = std::numeric_limits<double>::infinity();
  for (const auto& entry : model.value()["vocab"]) {
    const auto index = static_cast<std::uint32_t>(unigram.m_scores.size());
    if (!entry.is_array() || entry.size() != 2 || !entry[1].is_number() || !std::isfinite(entry[1].get<double>()))
      return model.refuse("vocab[" + std::to_string(index) + "] must be a piece and its score");
    unigram.m_scores.push_back(entry[1].get<double>());
    lowest = std::min(lowest, unigram.m_scores.back());
    const auto& piece = *unigram.m_vocabulary.token(index);
    if (piece.size() > kLongestPiece) return model.unsupported("a piece of more than 1024 bytes");
    if (!piece.empty()) unigram.m_pieces.add(piece, index) = index;
  }
  unigram.m_unknownScore = lowest - kUnknownPenalty;
  DELTASCOPE_ASSIGN(unigram.m_useBytes, model.flag("byte_fallback", false));
  if (model.has("unk_id")) {
    DELTASCOPE_ASSIGN(unigram.m_unknown, model.number("unk_id"));
    if (*unigram.m_unknown >= unigram.m_scores.size())
      return model.refuse("\"unk_id\" is not below the size of the vocabulary");
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = unigram.m_vocabulary.find(byteToken(static_cast<unsigned char>(byte)));
    unigram.m_bytes[byte] = id ? std::int64_t{*id} : -1;
  }
  return unigram;
}

/// The best path to each end of a piece, from left to right; the first found wins where two are as good.
void Unigram::findBest(std::string_view text, Work& work) const {
  work.best.assign(text.size() + 1, {});
  const auto offer = [&](std::size_t begin, std::size_t end, std::uint32_t id, double score) {
    auto& node = work.best[end];
    if (node.reached && !(score > node.score)) return;
    node = {score, static_cast<std::uint32_t>(begin), id, true};
  };
  constexpr std::uint32_t kUnknown = ~std::uint32_t{0};
  for (std::size_t at = 0; at < text.size();) {
    const double before = work.best[at].score;
    const std::size_t next = at + utf8At(text, at).length;
    bool hasCharacter = false;
    m_pieces.forEachAt(text, at, [&](std::size_t end, std::uint32_t id) {
      offer(at, end, id, m_scores[id] + before);
      hasCharacter = hasCharacter || end == next;
    });
    if (!hasCharacter) offer(at, next, m_unknown.value_or(kUnknown), m_unknownScore + before);
    at = next;
  }
}

bool Unigram::addBytes(std::string_view text, std::vector<std::uint32_t>& ids) const {
  const auto byteId = [this](char byte) { return m_bytes[static_cast<unsigned char>(byte)]; };
  if (!m_useBytes || !std::ranges::all_of(text, [&](char byte) { return byteId(byte) >= 0; })) return false;
  for (const char byte : text) ids.push_back(static_cast<std::uint32_t>(byteId(byte)));
  return true;
}

Result<void> Unigram::encode(std::string_view text, Work& work, std::vector<std::uint32_t>& ids) const {
  findBest(text, work);
  // Pieces from the end on; a run of unknown ones is one, and may be a piece after all, or bytes.
  std::vector<std::pair<std::size_t, std::size_t>> pieces;
  bool wasUnknown = false;
  for (std::size_t end = text.size(); end > 0;) {
    const auto& node = work.best[end];
    const bool isUnknown = m_unknown ? node.id == *m_unknown : node.id >= m_scores.size();
    if (isUnknown && !m_unknown) return fail(ErrorCode::Unsupported, "the model has no piece for a character, and no unk_id");
    if (isUnknown && wasUnknown)
      pieces.back().first = node.begin;
    else
      pieces.emplace_back(node.begin, end);
    wasUnknown = isUnknown;
    end = node.begin;
  }
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    const std::string_view part = text.substr(piece->first, piece->second - piece->first);
    if (const auto id = m_vocabulary.find(part))
      ids.push_back(*id);
    else if (!addBytes(part, ids))
      ids.push_back(*m_unknown);
  }
  return {};
}

}  // namespace deltascope::text
