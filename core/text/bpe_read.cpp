// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/text/bpe.h"
#include "core/text/byte_level.h"

namespace deltascope::text {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // ▁

using Pair = std::pair<std::string, std::string>;

/// ["a", "b"], or "a b" as older files have it.
Result<Pair> readPair(const Stage& model, const nlohmann::json& merge, std::size_t index) {
  const std::string where = "merges[" + std::to_string(index) + "]";
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return Pair{merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (!merge.is_string()) return model.refuse(where + " must be two strings");
  const auto& text = merge.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    return model.refuse(where + " must be two tokens with one space between");
  return Pair{text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

Result<void> Bpe::readMerges(const Stage& model) {
  const auto merges = model.value().find("merges");
  if (merges == model.value().end() || !merges->is_array()) return model.refuse("\"merges\" must be a list");
  if (merges->size() > 0xFFFFFFFFu) return model.unsupported("too many merges");
  m_merges = PairTable(merges->size());
  for (std::size_t rank = 0; rank < merges->size(); ++rank) {
    if ((*merges)[rank].is_string() && (*merges)[rank].get_ref<const std::string&>().starts_with("#version")) continue;
    DELTASCOPE_ASSIGN(const Pair pair, readPair(model, (*merges)[rank], rank));
    const auto lacks = [&](const std::string& token) {
      return model.refuse("merges[" + std::to_string(rank) + "]: \"" + printable(token) + "\" is not in the vocabulary");
    };
    const auto left = m_vocabulary.find(pair.first), right = m_vocabulary.find(pair.second);
    if (!left) return lacks(pair.first);
    if (!right) return lacks(pair.second);
    if (pair.second.size() < m_prefix.size()) return lacks(pair.first + pair.second);
    const std::string together = pair.first + pair.second.substr(m_prefix.size());
    const auto merged = m_vocabulary.find(together);
    if (!merged) return lacks(together);
    m_merges.set(*left, *right, std::uint64_t{rank} << 32 | *merged);
    m_merged.push_back(*merged);
  }
  return {};
}

void Bpe::findByteTokens() {
  m_allBytes = true;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto fallback = m_vocabulary.find(byteToken(static_cast<unsigned char>(byte)));
    m_byteFallback[byte] = fallback ? std::int64_t{*fallback} : -1;
    const auto level = m_vocabulary.find(byteLevelChar(static_cast<unsigned char>(byte)));
    m_byteLevel[byte] = level ? std::int64_t{*level} : -1;
    if (!level) m_allBytes = false;
  }
  if (!m_prefix.empty() || !m_suffix.empty()) m_allBytes = false;
}

bool Bpe::splitsBeforeSpace() const {
  if (m_ignoreMerges || !m_prefix.empty() || !m_suffix.empty() || !m_vocabulary.find(kSpace)) return false;
  return std::none_of(m_merged.begin(), m_merged.end(), [this](std::uint32_t id) {
    std::string_view token = *m_vocabulary.token(id);
    while (token.starts_with(kSpace)) token.remove_prefix(kSpace.size());
    return token.find(kSpace) != std::string_view::npos;
  });
}

Result<Bpe> Bpe::read(const Stage& model) {
  if (model.has("dropout")) {
    const auto& dropout = model.value()["dropout"];
    if (!dropout.is_number() || dropout.get<double>() != 0) return model.unsupported("\"dropout\" makes the result random");
  }
  Bpe bpe;
  DELTASCOPE_ASSIGN(bpe.m_prefix, model.string("continuing_subword_prefix", ""));
  DELTASCOPE_ASSIGN(bpe.m_suffix, model.string("end_of_word_suffix", ""));
  DELTASCOPE_ASSIGN(bpe.m_fuseUnknown, model.flag("fuse_unk", false));
  DELTASCOPE_ASSIGN(bpe.m_useByteFallback, model.flag("byte_fallback", false));
  DELTASCOPE_ASSIGN(bpe.m_ignoreMerges, model.flag("ignore_merges", false));
  DELTASCOPE_TRY(model.object("vocab"));
  DELTASCOPE_ASSIGN(bpe.m_vocabulary, Vocabulary::read(model));
  if (bpe.m_prefix.size() > 64 || bpe.m_suffix.size() > 64) return model.unsupported("a prefix or suffix beyond 64 bytes");
  DELTASCOPE_ASSIGN(const std::string unknown, model.string("unk_token", ""));
  if (model.has("unk_token")) {
    bpe.m_unknown = bpe.m_vocabulary.find(unknown);
    if (!bpe.m_unknown) bpe.m_missingUnknown = unknown.empty() ? " " : unknown;
  }
  DELTASCOPE_TRY(bpe.readMerges(model));
  bpe.findByteTokens();
  bpe.m_splitAtSpaces = bpe.splitsBeforeSpace();
  bpe.m_merged = {};
  return bpe;
}

}  // namespace deltascope::text
