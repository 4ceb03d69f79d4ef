// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/companions.h"

#include "core/checkpoint/json.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

/// The ids of the field, or nothing where it is absent. One that is no token's (−1, or beyond the vocabulary) ends nothing.
Result<std::optional<std::vector<TokenId>>> endIdsIn(const Fields& fields, const ModelConfig& config) {
  const auto* value = fields.find("eos_token_id");
  if (!value) return std::nullopt;
  std::vector<TokenId> ids;
  const auto list = value->is_array() ? *value : nlohmann::json::array({*value});
  for (const auto& id : list) {
    if (!id.is_number_integer()) return fields.corrupt("eos_token_id", "is not the id of a token");
    if (id >= 0 && id < config.vocabulary) ids.push_back(id.get<TokenId>());
  }
  return ids;
}

}  // namespace

Result<ModelConfig> readModelConfig(const CompanionSource& files) {
  nlohmann::json config;
  const fs::path path = files.shown(kConfigFile);
  if (files.has(kConfigFile)) {
    DELTASCOPE_ASSIGN(const std::string text, files.read(kConfigFile));
    DELTASCOPE_ASSIGN(config, parseJson(text, path));
  }
  return parseModelConfig(config, path);
}

Result<std::vector<TokenId>> readEndIds(const CompanionSource& files, const ModelConfig& config) {
  for (const auto name : {kGenerationConfigFile, kConfigFile}) {
    if (!files.has(name)) continue;
    const fs::path path = files.shown(name);
    const auto json = files.read(name).and_then([&](const std::string& text) { return parseJson(text, path); });
    if (!json && name == kGenerationConfigFile) continue;  // transformers takes config.json's where it cannot be read
    if (!json) return tl::make_unexpected(json.error());
    DELTASCOPE_ASSIGN(auto ids, endIdsIn(Fields(*json, path), config));
    if (ids) return std::move(*ids);
  }
  return std::vector<TokenId>{};
}

ModelCompanions companionsUsed(const StackedCompanions& files, bool payloads) {
  ModelCompanions used;
  std::string lacking;
  fs::path from;
  for (const auto name : {kConfigFile, kGenerationConfigFile, kTokenizerFile, kTokenizerConfigFile, kTemplateFile}) {
    const auto* source = files.sourceOf(name);
    if (!source) continue;
    const bool borrowed = payloads && source != &files.uppermost();
    used.files.push_back({std::string(name), source->shown(name), borrowed});
    if (!borrowed) continue;
    lacking += (lacking.empty() ? "" : ", ") + std::string(name);
    from = source->shown();
  }
  if (!lacking.empty())
    used.note = files.uppermost().shown().string() + " carries no " + lacking + ": used as they lie in " + from.string();
  return used;
}

}  // namespace deltascope
