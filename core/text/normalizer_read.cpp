// SPDX-License-Identifier: Apache-2.0
#include "core/text/normalizer.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestPrepend = 4096;

Result<NormalizerStep> readBert(const Stage& stage) {
  CleanForBert step;
  DELTASCOPE_ASSIGN(step.cleans, stage.flag("clean_text"));
  DELTASCOPE_ASSIGN(step.spacesAroundChinese, stage.flag("handle_chinese_chars"));
  DELTASCOPE_ASSIGN(step.lowercases, stage.flag("lowercase"));
  DELTASCOPE_ASSIGN(step.stripsAccents, stage.flag("strip_accents", step.lowercases));
  return NormalizerStep(step);
}

Result<NormalizerStep> readStep(const Stage& stage) {
  DELTASCOPE_ASSIGN(const std::string type, stage.type());
  if (type == "NFC") return UnicodeForm::Nfc;
  if (type == "NFD") return UnicodeForm::Nfd;
  if (type == "NFKC") return UnicodeForm::Nfkc;
  if (type == "NFKD") return UnicodeForm::Nfkd;
  if (type == "Lowercase") return Lowercase{};
  if (type == "StripAccents") return StripAccents{};
  if (type == "ByteLevel") return MapBytes{};
  if (type == "Nmt") return CleanForNmt{};
  if (type == "BertNormalizer" || type == "Bert") return readBert(stage);
  if (type == "Precompiled") {
    DELTASCOPE_ASSIGN(const std::string table, stage.string("precompiled_charsmap"));
    auto map = CharsMap::read(table);
    if (!map) return stage.refuse(map.error().message, map.error().code);
    return NormalizerStep(std::make_shared<const CharsMap>(*std::move(map)));
  }
  if (type == "Prepend") {
    DELTASCOPE_ASSIGN(std::string text, stage.string("prepend"));
    if (text.size() > kLongestPrepend) return stage.unsupported("\"prepend\" is longer than 4096 bytes");
    return Prepend{std::move(text)};
  }
  if (type == "Replace") {
    DELTASCOPE_ASSIGN(Replace replace, readReplace(stage));
    return NormalizerStep(std::move(replace));
  }
  if (type == "Strip") {
    DELTASCOPE_ASSIGN(const bool left, stage.flag("strip_left"));
    DELTASCOPE_ASSIGN(const bool right, stage.flag("strip_right"));
    return StripEnds{left, right};
  }
  return stage.unsupported("the normalizer \"" + printable(type) + "\" is not supported");
}

}  // namespace

Result<Normalizer> readNormalizer(const Stage& stage) {
  DELTASCOPE_ASSIGN(const auto parts, flatten(stage, "normalizers"));
  Normalizer normalizer;
  for (const Stage& part : parts) {
    DELTASCOPE_ASSIGN(NormalizerStep step, readStep(part));
    normalizer.steps.push_back(std::move(step));
  }
  return normalizer;
}

}  // namespace deltascope::text
