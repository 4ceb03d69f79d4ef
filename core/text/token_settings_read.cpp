// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <set>

#include "core/text/token_settings.h"

namespace deltascope::text {
namespace {

using nlohmann::ordered_json;
using Form = SettingToken::Form;

constexpr std::string_view kStandard[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};
constexpr std::size_t kMostTokens = 1u << 20, kLongestContent = 512;

struct Default {
  std::string_view key, content;
};

/// What the class calls its tokens where the settings do not say.
std::vector<Default> defaultsOf(ClassKind kind) {
  switch (kind) {
    case ClassKind::Llama:
    case ClassKind::CodeLlama:
      return {{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
    case ClassKind::Gemma:
      return {{"unk_token", "<unk>"},
              {"bos_token", "<bos>"},
              {"eos_token", "<eos>"},
              {"pad_token", "<pad>"},
              {"mask_token", "<mask>"}};
    case ClassKind::Qwen2:
    case ClassKind::Qwen35:
      return {{"unk_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"pad_token", "<|endoftext|>"}};
    case ClassKind::Gpt2:
      return {{"unk_token", "<|endoftext|>"}, {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}};
    case ClassKind::GptNeoX:
      return {{"unk_token", "<|endoftext|>"},
              {"bos_token", "<|endoftext|>"},
              {"eos_token", "<|endoftext|>"},
              {"pad_token", "<|padding|>"}};
    case ClassKind::Cohere:
      return {{"unk_token", "<UNK>"},        {"bos_token", "<BOS_TOKEN>"}, {"eos_token", "<|END_OF_TURN_TOKEN|>"},
              {"pad_token", "<PAD>"},        {"cls_token", "<CLS>"},       {"sep_token", "<SEP>"},
              {"mask_token", "<MASK_TOKEN>"}};
    case ClassKind::T5:
      return {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
    case ClassKind::Roberta:
    case ClassKind::XlmRoberta:
    case ClassKind::Camembert:
      return {{"bos_token", "<s>"},   {"eos_token", "</s>"},  {"sep_token", "</s>"},   {"cls_token", "<s>"},
              {"unk_token", "<unk>"}, {"pad_token", "<pad>"}, {"mask_token", "<mask>"}};
    case ClassKind::Albert:
      return {{"bos_token", "[CLS]"}, {"eos_token", "[SEP]"}, {"unk_token", "<unk>"},  {"sep_token", "[SEP]"},
              {"pad_token", "<pad>"}, {"cls_token", "[CLS]"}, {"mask_token", "[MASK]"}};
    case ClassKind::Bert:
      return {{"unk_token", "[UNK]"},
              {"sep_token", "[SEP]"},
              {"pad_token", "[PAD]"},
              {"cls_token", "[CLS]"},
              {"mask_token", "[MASK]"}};
    case ClassKind::File:
    case ClassKind::Other:
      break;
  }
  return {};
}

bool isStandard(std::string_view key) { return std::ranges::find(kStandard, key) != std::end(kStandard); }

}  // namespace

/// One reading, step by step as transformers does it.
class SettingsReader {
 public:
  SettingsReader(const TokenizerFiles& files, ClassKind kind) : m_files(files), m_kind(kind) {}

  Result<TokenSettings> run() {
    DELTASCOPE_TRY(readConfig());
    const auto decoder = m_files.config.find("added_tokens_decoder");
    if (m_files.config.is_object() && decoder != m_files.config.end() && !decoder->is_null()) {
      DELTASCOPE_TRY(readDecoder(*decoder));
    } else {
      DELTASCOPE_TRY(readSpecialTokensMap());
      DELTASCOPE_TRY(readAddedTokensFile());
      DELTASCOPE_TRY(readTokenizerFile());
    }
    addDefaults();
    arrange();
    return std::move(m_settings);
  }

 private:
  using Setting = std::pair<std::string, std::optional<SettingToken>>;  // nothing: null, so that no default applies

  Stage stage(const nlohmann::json& value, const std::filesystem::path& file, const std::string& where) const {
    return Stage(value, file, where);
  }

  Result<std::optional<SettingToken>> readToken(const ordered_json& value, const std::filesystem::path& file,
                                                const std::string& where) {
    if (value.is_null()) return std::nullopt;
    if (value.is_string()) {
      SettingToken setting{{value.get<std::string>(), true, false, false, false, false}, Form::String};
      if (setting.token.content.size() > kLongestContent)
        return fail(ErrorCode::Unsupported, at({file, {}, {}}, where + ": a token of more than 512 bytes"));
      return setting;
    }
    const nlohmann::json plain = value;
    DELTASCOPE_ASSIGN(AddedToken token, readAddedToken(stage(plain, file, where)));
    return SettingToken{std::move(token), Form::Object};
  }

  static void put(std::vector<Setting>& list, const std::string& key, std::optional<SettingToken> value) {
    for (auto& [known, old] : list)
      if (known == key) {
        old = std::move(value);
        return;
      }
    list.emplace_back(key, std::move(value));
  }

  Result<void> readNamed(const ordered_json& object, const std::filesystem::path& file, std::vector<Setting>& into) {
    for (const auto& [key, value] : object.items()) {
      DELTASCOPE_ASSIGN(auto token, readToken(value, file, key));
      put(into, key, std::move(token));
    }
    return {};
  }

  Result<std::vector<SettingToken>> readList(const ordered_json& list, const std::filesystem::path& file,
                                             const std::string& where) {
    std::vector<SettingToken> tokens;
    if (list.is_null()) return tokens;
    if (!list.is_array() || list.size() > kMostTokens)
      return fail(ErrorCode::Corrupt, at({file, {}, {}}, where + ": is not a list of tokens"));
    for (const auto& value : list) {
      DELTASCOPE_ASSIGN(auto token, readToken(value, file, where));
      if (token) tokens.push_back(std::move(*token));
    }
    return tokens;
  }

  Result<void> readConfig() {
    const auto& config = m_files.config;
    if (!config.is_object()) return {};
    const auto& file = m_files.configFile;
    for (const auto& [key, value] : config.items()) {
      const bool isToken = value.is_string() || value.is_object() || value.is_null();
      if (isStandard(key) || (key.ends_with("_token") && isToken && !value.is_null())) {
        if (!isToken) return fail(ErrorCode::Corrupt, at({file, {}, {}}, printable(key) + ": is neither a token nor null"));
        DELTASCOPE_ASSIGN(auto token, readToken(value, file, key));
        put(isStandard(key) ? m_standard : value.is_string() ? m_own : m_ownObjects, key, std::move(token));
      }
    }
    const auto extra = config.find("extra_special_tokens"), additional = config.find("additional_special_tokens");
    const bool replaced = additional != config.end() && (extra == config.end() || extra->empty());
    const auto& list = replaced ? additional : extra;
    m_hasExtra = replaced || extra != config.end();
    if (list != config.end() && list->is_object()) {
      m_hasExtra = false;
      DELTASCOPE_TRY(readNamed(*list, file, m_own));
    } else if (list != config.end()) {
      DELTASCOPE_ASSIGN(m_extra, readList(*list, file, replaced ? "additional_special_tokens" : "extra_special_tokens"));
    }
    if (!replaced && additional != config.end()) {
      DELTASCOPE_ASSIGN(m_additional, readList(*additional, file, "additional_special_tokens"));
      m_hasAdditional = !additional->is_null();
    }
    if (const auto own = config.find("model_specific_special_tokens"); m_own.empty() && own != config.end() && own->is_object())
      DELTASCOPE_TRY(readNamed(*own, file, m_own));
    if (const auto split = config.find("split_special_tokens"); split != config.end() && split->is_boolean())
      m_settings.m_specialsAreText = split->get<bool>();
    return {};
  }

  Result<void> readDecoder(const ordered_json& decoder) {
    const auto& file = m_files.configFile;
    if (!decoder.is_object() || decoder.size() > kMostTokens)
      return fail(ErrorCode::Corrupt, at({file, {}, {}}, "added_tokens_decoder: is not an object of tokens by id"));
    for (const auto& [key, value] : decoder.items()) {
      std::uint32_t id = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size())
        return fail(ErrorCode::Corrupt,
                    at({file, {}, {}}, "added_tokens_decoder: \"" + printable(key, 60) + "\" is not an id"));
      const nlohmann::json plain = value;
      DELTASCOPE_ASSIGN(m_settings.m_byId[id], readAddedToken(stage(plain, file, "added_tokens_decoder." + key)));
    }
    return {};
  }

  Result<void> readSpecialTokensMap() {
    const auto& map = m_files.specialTokensMap;
    if (!map.is_object()) return {};
    const auto& file = m_files.specialTokensFile;
    for (const auto& [key, value] : map.items()) {
      if (key == "extra_special_tokens" && value.is_object()) {
        DELTASCOPE_TRY(readNamed(value, file, m_own));
      } else if (key == "extra_special_tokens") {
        DELTASCOPE_ASSIGN(const auto list, readList(value, file, key));
        m_hasExtra = true;
        for (const auto& token : list)
          if (std::ranges::find(m_extra, token) == m_extra.end()) m_extra.push_back(token);
      } else if (key == "additional_special_tokens") {
        DELTASCOPE_ASSIGN(m_additional, readList(value, file, key));
        m_hasAdditional = true;
      } else if (isStandard(key) || (key.ends_with("_token") && (value.is_string() || value.is_object()))) {
        DELTASCOPE_ASSIGN(auto token, readToken(value, file, key));
        if (token && token->form == Form::Object) {
          token->token.special = true;
          if (!value.contains("normalized")) token->token.normalized = false;
          token->form = Form::Token;
        }
        put(isStandard(key) ? m_standard : m_ownObjects, key, std::move(token));
      }
    }
    return {};
  }

  Result<void> readAddedTokensFile() {
    const auto& added = m_files.addedTokens;
    if (!added.is_object()) return {};
    std::set<std::string> specials;
    for (const auto& [key, token] : m_standard)
      if (token && token->form != Form::Object) specials.insert(token->token.content);
    for (const auto& token : m_extra)
      if (token.form != Form::Object) specials.insert(token.token.content);
    for (const auto& [content, id] : added.items()) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 0xFFFFFFFFu || content.size() > kLongestContent)
        return fail(ErrorCode::Corrupt, at({m_files.addedTokensFile, {}, {}},
                                           "the id of \"" + printable(content, 60) + "\" is not a number from 0 up"));
      const bool special = specials.contains(content);
      m_settings.m_byId[id.get<std::uint64_t>()] = {content, special, !special, false, false, false};
    }
    return {};
  }

  Result<void> readTokenizerFile() {
    const auto list = m_files.tokenizer.find("added_tokens");
    if (list == m_files.tokenizer.end() || !list->is_array()) return {};
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Stage one = stage((*list)[i], m_files.file, "added_tokens[" + std::to_string(i) + "]");
      DELTASCOPE_ASSIGN(const std::uint32_t id, one.number("id"));
      DELTASCOPE_ASSIGN(m_settings.m_byId[id], readAddedToken(one));
    }
    return {};
  }

  void addDefaults() {
    const auto known = [this](std::string_view key) {
      return std::ranges::any_of(m_standard, [key](const auto& setting) { return setting.first == key; });
    };
    for (const auto& [key, content] : defaultsOf(m_kind))
      if (!known(key)) put(m_standard, std::string(key), string(content));
    if (m_kind == ClassKind::Camembert)
      for (auto& [key, token] : m_standard)
        if (key == "mask_token" && token && token->form == Form::String)
          *token = {{token->token.content, true, false, false, true, false}, Form::Token};
    if (m_kind == ClassKind::CodeLlama) {
      static constexpr Default kInfill[] = {{"prefix_token", "▁<PRE>"},
                                            {"middle_token", "▁<MID>"},
                                            {"suffix_token", "▁<SUF>"},
                                            {"eot_token", "▁<EOT>"},
                                            {"fill_token", "<FILL_ME>"}};
      for (const auto& [key, content] : kInfill) {
        put(m_ownObjects, std::string(key), string(content));
        m_additional.push_back(string(content));
      }
      m_hasAdditional = true;
    }
    if (m_kind == ClassKind::T5) addSentinels();
    if (m_kind == ClassKind::Camembert && !m_hasAdditional) {
      for (const char* content : {"<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"}) m_additional.push_back(string(content));
      m_hasAdditional = true;
    }
  }

  void addSentinels() {
    const auto isSentinel = [](const SettingToken& t) { return t.token.content.find("<extra_id_") != std::string::npos; };
    if (std::ranges::any_of(m_additional, isSentinel)) return;
    std::uint64_t count = 100;
    if (m_files.config.is_object())
      if (const auto ids = m_files.config.find("extra_ids"); ids != m_files.config.end() && ids->is_number_unsigned())
        count = std::min<std::uint64_t>(ids->get<std::uint64_t>(), 10000);
    for (std::uint64_t i = 0; i < count; ++i) m_additional.push_back(string("<extra_id_" + std::to_string(i) + ">"));
    m_hasAdditional = true;
  }

  static SettingToken string(std::string_view content) {
    return {{std::string(content), true, false, false, false, false}, Form::String};
  }

  /// The standard names in their order with the tokens' own flags, then the model's own names, then those without.
  void arrange() {
    std::map<std::string, const AddedToken*> byContent;
    for (const auto& [id, token] : m_settings.m_byId) byContent[token.content] = &token;
    for (const auto key : kStandard)
      for (auto& [name, token] : m_standard) {
        if (name != key || !token) continue;
        if (const auto same = byContent.find(token->token.content); same != byContent.end())
          *token = {*same->second, Form::Token};
        m_settings.m_named.emplace_back(name, *token);
      }
    for (auto& [name, token] : m_own) put(m_ownObjects, name, std::move(token));
    for (auto& [name, token] : m_ownObjects)
      if (token) m_settings.m_named.emplace_back(name, *token);
    if (!m_hasExtra && m_hasAdditional) m_extra = m_additional;
    m_settings.m_extra = m_extra;
  }

  const TokenizerFiles& m_files;
  ClassKind m_kind;
  TokenSettings m_settings;
  std::vector<Setting> m_standard, m_own, m_ownObjects;
  std::vector<SettingToken> m_extra, m_additional;
  bool m_hasExtra = false, m_hasAdditional = false;
};

Result<TokenSettings> TokenSettings::read(const TokenizerFiles& files, ClassKind kind) {
  return SettingsReader(files, kind).run();
}

}  // namespace deltascope::text
