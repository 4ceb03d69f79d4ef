// SPDX-License-Identifier: Apache-2.0
#include "core/text/tokenizer_files.h"

#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/python_json.h"

namespace deltascope::text {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kSpecialTokensFile = "special_tokens_map.json", kAddedTokensFile = "added_tokens.json";

/// The JSON object of a file with its keys in order, null where there is no such file.
Result<ordered_json> readOrdered(const CompanionSource& files, std::string_view name) {
  if (!files.has(name)) return ordered_json(nullptr);
  DELTASCOPE_ASSIGN(const std::string text, files.read(name));
  // Depth and encoding are refused here.
  DELTASCOPE_ASSIGN(const auto checked, parseJson(text, files.shown(name)));
  if (!checked.is_object()) return fail(ErrorCode::Corrupt, at({files.shown(name), {}, {}}, "is not a JSON object"));
  return ordered_json::parse(replacePythonNumbers(text).text, nullptr, false);
}

std::string textOf(const ordered_json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto value = object.find(key);
  return value != object.end() && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace

Result<TokenizerFiles> readSettingsFiles(const CompanionSource& files) {
  TokenizerFiles all;
  all.file = files.shown(kTokenizerFile);
  all.configFile = files.shown(kTokenizerConfigFile);
  all.specialTokensFile = files.shown(kSpecialTokensFile);
  all.addedTokensFile = files.shown(kAddedTokensFile);
  DELTASCOPE_ASSIGN(all.config, readOrdered(files, kTokenizerConfigFile));
  DELTASCOPE_ASSIGN(all.specialTokensMap, readOrdered(files, kSpecialTokensFile));
  DELTASCOPE_ASSIGN(all.addedTokens, readOrdered(files, kAddedTokensFile));
  DELTASCOPE_ASSIGN(const ordered_json model, readOrdered(files, kConfigFile));
  all.modelType = textOf(model, "model_type");
  all.modelTokenizerClass = textOf(model, "tokenizer_class");
  if (files.has(kTokenizerFile)) {
    const auto json = files.read(kTokenizerFile);
    all.byteLevel = json && json->find("\"ByteLevel\"") != std::string::npos;
  }
  return all;
}

TokenizerClass classOf(const TokenizerFiles& files) {
  std::string named = textOf(files.config, "tokenizer_class");
  if (named.empty()) named = files.modelTokenizerClass;
  auto chosen = chooseClass({files.modelType, std::move(named), files.byteLevel});
  if (files.fileStages) chosen.kind = ClassKind::File;
  return chosen;
}

}  // namespace deltascope::text
