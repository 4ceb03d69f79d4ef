// SPDX-License-Identifier: Apache-2.0
#include "core/text/tokenizer_rebuild.h"

namespace deltascope::text {
namespace {

using nlohmann::json;

constexpr const char* kMetaspace = "▁";
// Qwen 3.5 keeps marks with their letters.
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The settings of tokenizer_config.json that the classes' constructors take.
class Settings {
 public:
  explicit Settings(const nlohmann::ordered_json& config) : m_config(config) {}
  [[nodiscard]] bool flag(const char* key, bool absent, bool null) const {
    if (!m_config.is_object()) return absent;
    const auto value = m_config.find(key);
    if (value == m_config.end()) return absent;
    return value->is_boolean() ? value->get<bool>() : null;
  }
  [[nodiscard]] json orNull(const char* key) const {
    if (!m_config.is_object()) return nullptr;
    const auto value = m_config.find(key);
    return value != m_config.end() && value->is_boolean() ? json(value->get<bool>()) : json(nullptr);
  }
  [[nodiscard]] std::string token(const char* key, const char* absent) const {
    if (!m_config.is_object()) return absent;
    const auto value = m_config.find(key);
    if (value == m_config.end()) return absent;
    if (value->is_string()) return value->get<std::string>();
    if (value->is_object() && value->contains("content") && (*value)["content"].is_string())
      return (*value)["content"].get<std::string>();
    return absent;
  }

 private:
  const nlohmann::ordered_json& m_config;
};

json sequence(const char* key, json parts) { return {{"type", "Sequence"}, {key, std::move(parts)}}; }
json named(const char* type) { return {{"type", type}}; }
json byteLevel(bool prefix, bool regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", true}, {"use_regex", regex}};
}
json metaspace(const char* scheme, bool split) {
  return {{"type", "Metaspace"}, {"replacement", kMetaspace}, {"prepend_scheme", scheme}, {"split", split}};
}
json replace(const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}
json decodeSpaces(bool strip) {
  json parts = json::array({replace(kMetaspace, " "), named("ByteFallback"), named("Fuse")});
  if (strip) parts.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1u}, {"stop", 0u}});
  return sequence("decoders", std::move(parts));
}

/// The Precompiled normalizer of the file, wherever it stands.
json charsMap(const json& tokenizer) {
  const auto normalizer = tokenizer.find("normalizer");
  if (normalizer == tokenizer.end() || !normalizer->is_object()) return nullptr;
  const auto isMap = [](const json& step) {
    return step.is_object() && step.contains("type") && step["type"] == "Precompiled" && step.contains("precompiled_charsmap");
  };
  if (isMap(*normalizer)) return *normalizer;
  const auto parts = normalizer->find("normalizers");
  if (parts != normalizer->end() && parts->is_array())
    for (const auto& step : *parts)
      if (isMap(step)) return step;
  return nullptr;
}

class Rebuilder {
 public:
  Rebuilder(TokenizerFiles& files, ClassKind kind) : m_tokenizer(files.tokenizer), m_settings(files.config), m_kind(kind) {}

  Rebuilt run() {
    switch (m_kind) {
      case ClassKind::File:
      case ClassKind::Other:
        break;
      case ClassKind::Llama:
      case ClassKind::CodeLlama:
        llama();
        break;
      case ClassKind::Gemma:
        bpe(true, true, m_settings.token("unk_token", "<unk>"));
        stages(replace(" ", kMetaspace),
               {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}, {"invert", false}},
               decodeSpaces(false));
        break;
      case ClassKind::Qwen2:
      case ClassKind::Qwen35:
        bpe(false, false);
        stages(named("NFC"),
               sequence("pretokenizers", {{{"type", "Split"},
                                           {"pattern", {{"Regex", m_kind == ClassKind::Qwen2 ? kQwen2 : kQwen35}}},
                                           {"behavior", "Isolated"},
                                           {"invert", false}},
                                          byteLevel(m_settings.flag("add_prefix_space", false, false), false)}),
               byteLevel(true, true));
        break;
      case ClassKind::Gpt2:
      case ClassKind::Roberta:
      case ClassKind::GptNeoX:
      case ClassKind::Cohere:
        gpt2();
        break;
      case ClassKind::T5:
      case ClassKind::XlmRoberta:
      case ClassKind::Camembert:
      case ClassKind::Albert:
        unigram();
        break;
      case ClassKind::Bert:
        bert();
        break;
    }
    return m_result;
  }

 private:
  json& model() { return m_tokenizer["model"]; }

  void stages(json normalizer, json preTokenizer, json decoder) {
    m_tokenizer["normalizer"] = std::move(normalizer);
    m_tokenizer["pre_tokenizer"] = std::move(preTokenizer);
    m_tokenizer["decoder"] = std::move(decoder);
  }

  void bpe(bool fuseUnknown, bool byteFallback, json unknown = nullptr) {
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"}) model().erase(key);
    model()["type"] = "BPE";
    model()["fuse_unk"] = fuseUnknown;
    model()["byte_fallback"] = byteFallback;
    model()["unk_token"] = std::move(unknown);
    if (model().contains("vocab") && !model().contains("merges")) model()["merges"] = json::array();
  }

  void around(std::vector<TokenAround> before, std::vector<TokenAround> after) {
    m_result = {true, std::move(before), std::move(after)};
  }

  void llama() {
    const bool code = m_kind == ClassKind::CodeLlama;
    const bool space = m_settings.flag("add_prefix_space", true, true);
    const bool legacy = !code && m_settings.flag("legacy", false, false);
    bpe(true, true, code ? json(m_settings.token("unk_token", "<unk>")) : json(nullptr));
    stages(nullptr, metaspace(!space ? "never" : legacy ? "always" : "first", false), decodeSpaces(code || space));
    if (code) around({{"bos_token", {}}}, {});
  }

  void gpt2() {
    const bool space = m_settings.flag("add_prefix_space", false, false);
    bpe(false, false);
    json pre = byteLevel(space, true);
    if (m_kind == ClassKind::Cohere)
      pre = sequence("pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, std::move(pre)});
    const bool composes = m_kind == ClassKind::GptNeoX || m_kind == ClassKind::Cohere;
    stages(composes ? named("NFC") : json(nullptr), std::move(pre), byteLevel(true, true));
    if (m_kind == ClassKind::GptNeoX) around({}, {});
    if (m_kind == ClassKind::Roberta) around({{"cls_token", {}}}, {{"sep_token", {}}});
  }

  void unigram() {
    const bool space = m_kind == ClassKind::T5 || m_settings.flag("add_prefix_space", true, false);
    const char* scheme = space ? "always" : "never";
    json normalizer = charsMap(m_tokenizer);
    model()["type"] = "Unigram";
    model()["byte_fallback"] = false;
    model()["unk_id"] = unknownId();
    if (m_kind == ClassKind::Albert) {
      json parts = json::array({replace("``", "\""), replace("''", "\"")});
      if (!m_settings.flag("keep_accents", false, false)) {
        parts.push_back(named("NFKD"));
        parts.push_back(named("StripAccents"));
      }
      if (m_settings.flag("do_lower_case", true, false)) parts.push_back(named("Lowercase"));
      if (!normalizer.is_null()) parts.push_back(std::move(normalizer));
      normalizer = sequence("normalizers", std::move(parts));
    }
    stages(std::move(normalizer), sequence("pretokenizers", {named("WhitespaceSplit"), metaspace(scheme, true)}),
           metaspace(scheme, true));
    if (m_kind == ClassKind::T5) around({}, {{"eos_token", {}}});
    if (m_kind == ClassKind::XlmRoberta || m_kind == ClassKind::Camembert) around({{"bos_token", {}}}, {{"eos_token", {}}});
    const auto own = m_tokenizer.find("post_processor");
    if (m_kind == ClassKind::Albert && (own == m_tokenizer.end() || own->is_null()))
      around({{"cls_token", {}}}, {{"sep_token", {}}});
  }

  /// Fixed by the class, whatever the file says.
  std::uint32_t unknownId() {
    if (m_kind == ClassKind::T5) return 2;
    if (m_kind == ClassKind::XlmRoberta) return 3;
    if (m_kind == ClassKind::Albert) return 1;
    const std::string unknown = m_settings.token("unk_token", "<unk>");
    const auto vocab = model().find("vocab");
    if (vocab == model().end() || !vocab->is_array()) return 0;
    for (std::uint32_t id = 0; id < vocab->size(); ++id) {
      const auto& entry = (*vocab)[id];
      if (entry.is_array() && !entry.empty() && entry[0] == unknown) return id;
    }
    return 0;
  }

  void bert() {
    model()["type"] = "WordPiece";
    model()["unk_token"] = m_settings.token("unk_token", "[UNK]");
    model()["continuing_subword_prefix"] = "##";
    model()["max_input_chars_per_word"] = 100u;
    stages({{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", m_settings.flag("tokenize_chinese_chars", true, false)},
            {"strip_accents", m_settings.orNull("strip_accents")},
            {"lowercase", m_settings.flag("do_lower_case", true, false)}},
           named("BertPreTokenizer"), {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}});
    around({{"cls_token", 2}}, {{"sep_token", 3}});
  }

  json& m_tokenizer;
  Settings m_settings;
  ClassKind m_kind;
  Rebuilt m_result;
};

}  // namespace

Rebuilt rebuild(TokenizerFiles& files, ClassKind kind) {
  if (!files.tokenizer.is_object() || !files.tokenizer.contains("model") || !files.tokenizer["model"].is_object()) return {};
  return Rebuilder(files, kind).run();
}

}  // namespace deltascope::text
