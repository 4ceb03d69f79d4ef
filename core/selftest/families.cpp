// SPDX-License-Identifier: Apache-2.0
// Families that ask more of a device than Llama's: a small model of each with all that its config.json can ask for, of sizes
// that a GPU's kernels for few tokens and for prompts take.
#include <nlohmann/json.hpp>

#include "core/selftest/forks.h"
#include "core/selftest/parts.h"
#include "core/selftest/small_model.h"

namespace deltascope::selftest {
namespace {

using Json = nlohmann::ordered_json;

/// A window is shorter than the prompt, and so are the positions that frequencies were made for.
constexpr std::uint32_t kWindow = 24, kFamilyTokens = 40;

Json configOf(const char* architecture, const char* type, const Json& own) {
  Json config{
      {"architectures", {architecture}}, {"model_type", type},       {"hidden_size", 512},         {"intermediate_size", 640},
      {"num_hidden_layers", 2},          {"num_attention_heads", 8}, {"num_key_value_heads", 2},   {"vocab_size", 611},
      {"max_position_embeddings", 256},  {"rms_norm_eps", 1e-6},     {"tie_word_embeddings", true}};
  config.update(own);
  return config;
}

struct FamilyModel {
  const char* name;
  Json config;
};
std::vector<FamilyModel> familyModels() {
  const auto factors = [](double step) {
    Json list = Json::array();
    for (int i = 0; i < 24; ++i) list.push_back(1 + step * i);
    return list;
  };
  return {
      {"Gemma 2", configOf("Gemma2ForCausalLM", "gemma2",
                           {{"head_dim", 128},
                            {"num_attention_heads", 4},
                            {"query_pre_attn_scalar", 96},
                            {"sliding_window", kWindow},
                            {"attn_logit_softcapping", 4.0},
                            {"final_logit_softcapping", 9.0}})},
      {"Gemma 3", configOf("Gemma3ForCausalLM", "gemma3_text",
                           {{"head_dim", 256},
                            {"num_attention_heads", 4},
                            {"query_pre_attn_scalar", 200},
                            {"rope_local_base_freq", 100.0},
                            {"sliding_window", kWindow},
                            {"sliding_window_pattern", 2}})},
      {"OLMo 3", configOf("Olmo3ForCausalLM", "olmo3",
                          {{"sliding_window", kWindow}, {"layer_types", {"sliding_attention", "full_attention"}}})},
      {"SmolLM3", configOf("SmolLM3ForCausalLM", "smollm3",
                           {{"no_rope_layer_interval", 2}, {"attention_bias", true}, {"mlp_bias", true}})},
      {"Granite", configOf("GraniteForCausalLM", "granite",
                           {{"embedding_multiplier", 3.0},
                            {"logits_scaling", 1.5},
                            {"residual_multiplier", 0.4},
                            {"attention_multiplier", 0.2}})},
      {"Phi-3",
       configOf("Phi3ForCausalLM", "phi3",
                {{"partial_rotary_factor", 0.75},
                 {"original_max_position_embeddings", 32},
                 {"rope_scaling", {{"type", "longrope"}, {"short_factor", factors(0.05)}, {"long_factor", factors(0.2)}}}})},
      {"Mixtral", configOf("MixtralForCausalLM", "mixtral",
                           {{"intermediate_size", 256}, {"num_local_experts", 6}, {"num_experts_per_tok", 2}})},
      {"Qwen3 MoE", configOf("Qwen3MoeForCausalLM", "qwen3_moe",
                             {{"head_dim", 64},
                              {"moe_intermediate_size", 128},
                              {"num_experts", 16},
                              {"num_experts_per_tok", 3},
                              {"norm_topk_prob", true}})},
  };
}

Result<void> testFamily(const FamilyModel& family, const std::string& device, const JobContext& job, Checks& checks) {
  const TemporaryFolder folder;
  DELTASCOPE_TRY(folder.ready());
  const JobContext quiet{job.stop, {}, job.threads};
  const std::string name = family.name + std::string(", ");
  const auto plain = folder.path() / "plain", packed = folder.path() / "packed";
  DELTASCOPE_TRY(writeModel(plain, family.config));
  DELTASCOPE_TRY(packOverNf4(plain, packed, job));
  DELTASCOPE_TRY(testRuns({name, plain, packed, device}, job, checks));
  std::string first;
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    LoadRequest request;
    request.path = packed;
    request.device = device;
    request.threads = job.threads;
    request.placement = placement;
    DELTASCOPE_ASSIGN(auto check, testPrompt({name + std::string(nameOf(placement)), request}, kFamilyTokens, quiet));
    if (check.passed && first.empty()) first = check.detail;
    if (check.passed && check.detail != first) check = {check.name, false, check.detail + ", elsewhere " + first};
    checks.push_back(std::move(check));
  }
  ForksRequest forks;
  forks.model = packed;
  forks.device = device;
  forks.lastPrompt = 2;
  forks.passes = 1;
  forks.widths = 2;
  forks.tokens = 24;
  DELTASCOPE_ASSIGN(const SelfTestResult drafts, testForks(forks, quiet));
  for (const auto& check : drafts.checks) checks.push_back({name + "drafts, " + check.name, check.passed, check.detail});
  return {};
}

}  // namespace

Result<void> testFamilies(const std::string& device, const JobContext& job, Checks& checks) {
  for (const auto& family : familyModels()) DELTASCOPE_TRY(testFamily(family, device, job, checks));
  return {};
}

}  // namespace deltascope::selftest
