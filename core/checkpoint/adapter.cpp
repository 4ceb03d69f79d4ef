// SPDX-License-Identifier: Apache-2.0
// Opening an adapter, and refusing by name what would change the result in a way this program does not compute.
#include "core/checkpoint/adapter.h"

#include <array>

#include "core/base/file.h"
#include "core/checkpoint/json.h"

namespace deltascope {
namespace {

/// Options that change what the merged weights are, when set to anything but null, false or empty.
constexpr std::array kUnsupported{
    "use_dora",    "layer_replication", "alora_invocation_tokens", "use_qalora",        "arrow_config",
    "kasa_config", "use_bdlora",        "monteclora_config",       "target_parameters", "trainable_token_indices"};
/// Initializations that alter the base's weights before training, so that the published base is not the adapter's base.
constexpr std::array kAlteringInits{"pissa", "olora", "corda", "loftq", "lora_ga"};

bool isSet(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && !found->is_null() && *found != false && !(found->is_structured() && found->empty());
}

}  // namespace

Result<Adapter> Adapter::open(const std::filesystem::path& folder) {
  Adapter adapter;
  adapter.m_path = folder;
  const auto configPath = (std::filesystem::is_directory(folder) ? folder : folder.parent_path()) / "adapter_config.json";
  DELTASCOPE_ASSIGN(adapter.m_configText, readTextFile(configPath, 16u << 20));
  DELTASCOPE_ASSIGN(const auto config, parseJson(adapter.m_configText, configPath));
  const auto refuse = [&](const std::string& what) {
    return fail(ErrorCode::Unsupported, at({configPath, {}, std::nullopt}, what),
                "merge it into its base with PEFT and pack the merged checkpoint");
  };
  if (!config.is_object()) return fail(ErrorCode::Corrupt, at({configPath, {}, std::nullopt}, "not a JSON object"));
  const auto type = config.value("peft_type", nlohmann::json("LORA"));
  if (type != "LORA") return refuse("peft_type " + type.dump() + " is not supported, only LORA is");
  for (const char* key : kUnsupported)
    if (isSet(config, key)) return refuse(std::string("uses ") + key + ", which is not supported");
  if (const auto init = config.find("init_lora_weights"); init != config.end() && init->is_string())
    for (const std::string name : kAlteringInits)
      if (init->get<std::string>().starts_with(name)) return refuse("init_lora_weights " + init->dump() + " alters the base");
  DELTASCOPE_ASSIGN(Checkpoint tensors, Checkpoint::open(folder, "adapter_model"));
  adapter.m_tensors = std::make_unique<Checkpoint>(std::move(tensors));
  return adapter;
}

}  // namespace deltascope
