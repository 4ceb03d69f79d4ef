// SPDX-License-Identifier: Apache-2.0
#include "core/text/bpe.h"

#include <algorithm>

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // ▁

}  // namespace

Result<void> Bpe::encode(std::string_view text, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const {
  if (isBytes || !m_splitAtSpaces) return encodePiece(text, isBytes, work, ids);
  // Vocabularies with "▁" often come without a pre-tokenizer: cut where no token can span.
  std::size_t begin = 0;
  for (std::size_t at = 0; (at = text.find(kSpace, at)) != std::string_view::npos;) {
    if (at > begin) DELTASCOPE_TRY(encodePiece(text.substr(begin, at - begin), false, work, ids));
    begin = at;
    while (text.substr(at).starts_with(kSpace)) at += kSpace.size();
  }
  if (begin == text.size()) return {};
  return encodePiece(text.substr(begin), false, work, ids);
}

Result<void> Bpe::encodePiece(std::string_view piece, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const {
  PieceCache::Entry* entry = nullptr;
  if (piece.size() <= PieceCache::kLongestKey) {
    entry = &work.cache.slot(piece);
    if (PieceCache::holds(*entry, piece)) {
      for (std::size_t i = 0; i < entry->count; ++i) ids.push_back(ids[entry->begin + i]);
      return {};
    }
  }
  const std::size_t before = ids.size();
  std::string mapped;
  if (isBytes && (m_ignoreMerges || !m_allBytes)) mapped = toByteLevel(piece);
  const std::string_view chars = mapped.empty() ? piece : std::string_view(mapped);
  if (const auto whole = m_ignoreMerges ? m_vocabulary.find(chars) : std::nullopt) {
    ids.push_back(*whole);
  } else {
    work.symbols.clear();
    if (isBytes && m_allBytes)
      for (const char byte : piece)
        work.symbols.push_back({static_cast<std::uint32_t>(m_byteLevel[static_cast<unsigned char>(byte)])});
    else
      DELTASCOPE_TRY(addChars(chars, work));
    merge(work);
    for (const auto& symbol : work.symbols)
      if (symbol.alive) ids.push_back(symbol.id);
  }
  if (entry) PieceCache::store(*entry, piece, before, ids.size() - before);
  return {};
}

Result<void> Bpe::addChars(std::string_view piece, Work& work) const {
  bool unknownPending = false;
  const auto flush = [&] {
    if (std::exchange(unknownPending, false)) work.symbols.push_back({*m_unknown});
  };
  std::string affixed;
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t length = utf8At(piece, at).length;
    const std::string_view c = piece.substr(at, length);
    std::string_view token = c;
    const bool first = at == 0;
    at += length;
    if ((!first && !m_prefix.empty()) || (at == piece.size() && !m_suffix.empty())) {
      affixed = (first ? std::string() : m_prefix) + std::string(c) + (at == piece.size() ? m_suffix : std::string());
      token = affixed;
    }
    if (const auto id = m_vocabulary.find(token)) {
      flush();
      work.symbols.push_back({*id});
      continue;
    }
    const auto byteToken = [this](char byte) { return m_byteFallback[static_cast<unsigned char>(byte)]; };
    if (m_useByteFallback && std::all_of(token.begin(), token.end(), [&](char byte) { return byteToken(byte) >= 0; })) {
      for (const char byte : token) work.symbols.push_back({static_cast<std::uint32_t>(byteToken(byte))});
      continue;
    }
    if (!m_missingUnknown.empty())
      return fail(ErrorCode::Unsupported, "the unk_token \"" + printable(m_missingUnknown) +
                                              "\" is needed for a character, but it is not in the vocabulary");
    if (!m_unknown) continue;
    if (!m_fuseUnknown) flush();
    unknownPending = true;
  }
  flush();
  return {};
}

void Bpe::offer(Work& work, std::int32_t left) const {
  if (left < 0) return;
  const auto& symbol = work.symbols[static_cast<std::size_t>(left)];
  if (symbol.next < 0) return;
  const std::uint64_t found = m_merges.find(symbol.id, work.symbols[static_cast<std::size_t>(symbol.next)].id);
  if (found == PairTable::kAbsent) return;
  work.queue.push_back({(found & 0xFFFFFFFF00000000u) | static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(found)});
}

void Bpe::merge(Work& work) const {
  auto& symbols = work.symbols;
  auto& queue = work.queue;
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    symbols[static_cast<std::size_t>(i)].previous = i - 1;
    symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
  queue.clear();
  for (std::int32_t i = 0; i + 1 < count; ++i) offer(work, i);
  std::make_heap(queue.begin(), queue.end());
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end());
    const Work::Candidate best = queue.back();
    queue.pop_back();
    const auto at = static_cast<std::int32_t>(best.order & 0xFFFFFFFFu);
    auto& left = symbols[static_cast<std::size_t>(at)];
    if (!left.alive || left.next < 0) continue;
    auto& right = symbols[static_cast<std::size_t>(left.next)];
    // The pair may have changed since it was queued. As in the tokenizers library, what counts is what it would become.
    const std::uint64_t found = m_merges.find(left.id, right.id);
    if (found == PairTable::kAbsent || static_cast<std::uint32_t>(found) != best.id) continue;
    left.id = best.id;
    right.alive = false;
    left.next = right.next;
    if (right.next >= 0) symbols[static_cast<std::size_t>(right.next)].previous = at;
    for (const std::int32_t neighbour : {left.previous, at}) {
      const std::size_t before = queue.size();
      offer(work, neighbour);
      if (queue.size() > before) std::push_heap(queue.begin(), queue.end());
    }
  }
}

}  // namespace deltascope::text
