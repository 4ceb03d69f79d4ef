// SPDX-License-Identifier: Apache-2.0
// Where a model's folder keeps its chat templates and special tokens; transformers' order of precedence.
#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/json.h"
#include "core/text/chat_template_state.h"
#include "core/text/token_settings.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kFolder = "additional_chat_templates";
constexpr const char* kRaw =
    "prompt it without a template (--raw), or copy the chat_template.jinja of the model into its folder";

struct Source {
  std::string text;
  fs::path file;
};

/// The JSON object of a file, or an empty one where there is no such file.
Result<json> readObject(const CompanionSource& files, std::string_view name) {
  if (!files.has(name)) return json::object();
  DELTASCOPE_ASSIGN(const std::string text, files.read(name));
  const auto file = files.shown(name);
  DELTASCOPE_ASSIGN(json root, parseJson(text, file));
  if (!root.is_object()) return fail(ErrorCode::Corrupt, at({file, {}, {}}, "is not a JSON object"));
  return root;
}

bool isName(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

Result<std::optional<Source>> fromFiles(const CompanionSource& files, std::string_view name) {
  std::vector<std::string> places;
  if (name == "default") places.emplace_back(kTemplateFile);
  if (isName(name)) places.push_back(std::string(kFolder) + '/' + std::string(name) + ".jinja");
  for (const auto& file : places) {
    if (!files.has(file)) continue;
    DELTASCOPE_ASSIGN(std::string text, files.read(file));
    return Source{std::move(text), files.shown(file)};
  }
  return std::nullopt;
}

bool hasTemplateFiles(const CompanionSource& files) { return files.has(kTemplateFile) || files.hasFolder(kFolder); }

/// "chat_template" of tokenizer_config.json; `names` gets the names of a list.
Result<std::optional<Source>> fromConfig(const json& config, const fs::path& file, std::string_view name, std::string& names) {
  const auto entry = config.find("chat_template");
  if (entry == config.end() || entry->is_null()) return std::nullopt;
  if (entry->is_string()) {
    if (name == "default") return Source{entry->get<std::string>(), file};
    names = "default";
    return std::nullopt;
  }
  const auto wrong = [&file] {
    return fail(ErrorCode::Corrupt,
                at({file, {}, {}}, "\"chat_template\" must be a string or a list of {\"name\", \"template\"}"));
  };
  if (!entry->is_array()) return wrong();
  for (const auto& one : *entry) {
    const bool good = one.is_object() && one.contains("name") && one["name"].is_string() && one.contains("template") &&
                      one["template"].is_string();
    if (!good) return wrong();
    const auto& known = one["name"].get_ref<const std::string&>();
    if (known == name) return Source{one["template"].get<std::string>(), file};
    names += (names.empty() ? "" : ", ") + printable(known, 60);
  }
  return std::nullopt;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::open(const fs::path& modelFolder, std::string_view name) {
  return open(FolderCompanions(modelFolder), name);
}

Result<ChatTemplate> ChatTemplate::open(const CompanionSource& files, std::string_view name) {
  DELTASCOPE_ASSIGN(const json config, readObject(files, kTokenizerConfigFile));
  DELTASCOPE_ASSIGN(auto source, fromFiles(files, name));
  std::string names;
  if (!source && !hasTemplateFiles(files)) {
    DELTASCOPE_ASSIGN(source, fromConfig(config, files.shown(kTokenizerConfigFile), name, names));
  }
  if (!source) {
    const std::string what =
        name == "default" ? "has no chat template" : "has no chat template \"" + printable(name, 60) + "\"";
    return fail(ErrorCode::NotFound, at({files.shown(), {}, {}}, what + (names.empty() ? "" : "; it has " + names)), kRaw);
  }
  DELTASCOPE_ASSIGN(const auto settings, text::readSettingsFiles(files));
  DELTASCOPE_ASSIGN(const auto tokens, text::TokenSettings::read(settings, text::classOf(settings).kind));
  return parse(source->text, tokens.names(), source->file);
}

}  // namespace deltascope
