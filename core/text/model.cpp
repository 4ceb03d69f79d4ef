// SPDX-License-Identifier: Apache-2.0
#include "core/text/model.h"

#include "core/text/byte_level.h"

namespace deltascope::text {
namespace {

std::string typeOf(const Stage& model) {
  if (model.has("merges")) return "BPE";
  if (!model.has("unk_token")) return "Unigram";
  return model.has("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

}  // namespace

Result<Model> Model::read(const Stage& model) {
  if (!model.value().is_object()) return model.refuse("is not an object");
  DELTASCOPE_ASSIGN(const std::string type, model.string("type", typeOf(model)));
  Model result;
  if (type == "BPE") {
    DELTASCOPE_ASSIGN(result.m_kind, Bpe::read(model));
  } else if (type == "Unigram") {
    DELTASCOPE_ASSIGN(result.m_kind, Unigram::read(model));
  } else if (type == "WordPiece") {
    DELTASCOPE_ASSIGN(result.m_kind, WordPiece::read(model));
  } else if (type == "WordLevel") {
    DELTASCOPE_ASSIGN(result.m_kind, WordPiece::readWordLevel(model));
  } else {
    return model.unsupported("the model \"" + printable(type) +
                             "\" is not supported; BPE, Unigram, WordPiece and WordLevel are");
  }
  return result;
}

Result<void> Model::encode(std::string_view text, bool isBytes, Work& work, std::vector<std::uint32_t>& ids) const {
  if (const auto* bpe = std::get_if<Bpe>(&m_kind)) return bpe->encode(text, isBytes, work.bpe, ids);
  std::string mapped;
  if (isBytes) mapped = toByteLevel(text);
  const std::string_view characters = isBytes ? std::string_view(mapped) : text;
  if (const auto* unigram = std::get_if<Unigram>(&m_kind)) return unigram->encode(characters, work.unigram, ids);
  return std::get<WordPiece>(m_kind).encode(characters, ids);
}

const Vocabulary& Model::vocabulary() const {
  return std::visit([](const auto& kind) -> const Vocabulary& { return kind.vocabulary(); }, m_kind);
}

}  // namespace deltascope::text
