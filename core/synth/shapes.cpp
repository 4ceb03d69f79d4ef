// SPDX-License-Identifier: Apache-2.0
#include "core/synth/shapes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/model/weights.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

constexpr const char* kLlama = "LlamaForCausalLM";
constexpr const char* kQwen2 = "Qwen2ForCausalLM";
constexpr const char* kQwen3 = "Qwen3ForCausalLM";
constexpr const char* kQwen3Moe = "Qwen3MoeForCausalLM";
constexpr const char* kQwen35 = "Qwen3_5ForCausalLM";
constexpr const char* kQwen35Moe = "Qwen3_5MoeForCausalLM";
constexpr const char* kQwen2Moe = "Qwen2MoeForCausalLM";
constexpr const char* kGptOss = "GptOssForCausalLM";
constexpr const char* kMistral = "MistralForCausalLM";
constexpr const char* kMixtral = "MixtralForCausalLM";
constexpr const char* kGemma2 = "Gemma2ForCausalLM";
constexpr const char* kGemma3 = "Gemma3ForCausalLM";

constexpr const char* kGemma4 = "Gemma4ForCausalLM";
constexpr const char* kGemma4Small =
    R"({"final_logit_softcapping": 30.0, "global_head_dim": 512, "hidden_activation": "gelu_pytorch_tanh", "hidden_size_per_layer_input": 256,
        "num_kv_shared_layers": 20, "sliding_window": 512, "use_double_wide_mlp": true, "vocab_size_per_layer_input": 262144,
        "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention", "sliding_attention", "full_attention"]})";
constexpr const char* kDeltaNet =
    R"({"full_attention_interval": 4, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
        "linear_num_value_heads": 32, "linear_value_head_dim": 128, "partial_rotary_factor": 0.25})";

// Figures from the models' own config.json on the Hub.
// clang-format off
const std::vector<Architecture> kArchitectures{
    // name, type, class,              hidden layers heads kv dim  inter.  vocab.  tied   theta   factor eps  positions  bos     eos  experts chosen inter.
    {"llama-3.1-8b", "llama", kLlama,     4096, 32, 32, 8, 128, 14336, 128256, false,  500000,  8, 1e-5, 131072, 128000, 128001},
    {"llama-3.1-70b", "llama", kLlama,    8192, 80, 64, 8, 128, 28672, 128256, false,  500000,  8, 1e-5, 131072, 128000, 128001},
    {"llama-3.2-1b", "llama", kLlama,     2048, 16, 32, 8,  64,  8192, 128256, true,   500000, 32, 1e-5, 131072, 128000, 128001},
    {"llama-3.2-3b", "llama", kLlama,     3072, 28, 24, 8, 128,  8192, 128256, true,   500000, 32, 1e-5, 131072, 128000, 128001},
    {"mistral-7b", "mistral", kMistral,   4096, 32, 32, 8, 128, 14336,  32768, false, 1000000,  0, 1e-5,  32768,      1,      2},
    {"qwen2.5-0.5b", "qwen2", kQwen2,      896, 24, 14, 2,  64,  4864, 151936, true,  1000000,  0, 1e-6,  32768, 151643, 151643},
    {"qwen2.5-1.5b", "qwen2", kQwen2,     1536, 28, 12, 2, 128,  8960, 151936, true,  1000000,  0, 1e-6, 131072, 151643, 151643},
    {"qwen2.5-7b", "qwen2", kQwen2,       3584, 28, 28, 4, 128, 18944, 152064, false, 1000000,  0, 1e-6, 131072, 151643, 151643},
    {"qwen3-0.6b", "qwen3", kQwen3,       1024, 28, 16, 8, 128,  3072, 151936, true,  1000000,  0, 1e-6,  40960, 151643, 151645},
    {"qwen3-4b", "qwen3", kQwen3,         2560, 36, 32, 8, 128,  9728, 151936, true,  1000000,  0, 1e-6,  40960, 151643, 151645},
    {"qwen3-8b", "qwen3", kQwen3,         4096, 36, 32, 8, 128, 12288, 151936, false, 1000000,  0, 1e-6,  40960, 151643, 151645},
    {"qwen3-30b-a3b", "qwen3_moe", kQwen3Moe, 2048, 48, 32, 4, 128, 6144, 151936, false, 1000000, 0, 1e-6,  40960, 151643, 151645, 128, 8, 768},
    {"qwen3.5-4b", "qwen3_5_text", kQwen35, 2560, 32, 16, 4, 256, 9216, 248320, true, 10000000, 0, 1e-6, 262144, 248044, 248044, 0, 0, 0, kDeltaNet},
    {"qwen3.5-9b", "qwen3_5_text", kQwen35, 4096, 32, 16, 4, 256, 12288, 248320, false, 10000000, 0, 1e-6, 262144, 248044, 248044, 0, 0, 0, kDeltaNet},
    {"qwen3.5-35b-a3b", "qwen3_5_moe_text", kQwen35Moe, 2048, 40, 16, 2, 256, 512, 248320, false, 10000000, 0, 1e-6, 262144, 248044, 248044, 256, 8, 512,
     R"({"full_attention_interval": 4, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
         "linear_num_value_heads": 32, "linear_value_head_dim": 128, "partial_rotary_factor": 0.25,
         "shared_expert_intermediate_size": 512})"},
    {"mixtral-8x7b", "mixtral", kMixtral, 4096, 32, 32, 8, 128, 14336,  32000, false, 1000000,  0, 1e-5,  32768,      1,      2, 8, 2, 0,
     R"({"num_local_experts": 8, "sliding_window": null})"},
    {"qwen1.5-moe-a2.7b", "qwen2_moe", kQwen2Moe, 2048, 24, 16, 16, 128, 5632, 151936, false, 1000000, 0, 1e-6, 8192, 151643, 151643, 60, 4, 1408,
     R"({"norm_topk_prob": false, "shared_expert_intermediate_size": 5632})"},
    {"gpt-oss-20b", "gpt_oss", kGptOss,   2880, 24, 64, 8,  64,  2880, 201088, false,  150000,  0, 1e-5, 131072, 199998, 200002, 32, 4, 0,
     R"({"num_local_experts": 32, "sliding_window": 128, "swiglu_limit": 7.0, "attention_bias": true,
         "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096,
                          "rope_type": "yarn", "truncate": false}})"},
    {"gemma-2-2b", "gemma2", kGemma2,     2304, 26,  8, 4, 256,  9216, 256000, true,    10000,  0, 1e-6,   8192,      2,      1, 0, 0, 0,
     R"({"hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 4096,
         "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0})"},
    {"gemma-2-9b", "gemma2", kGemma2,     3584, 42, 16, 8, 256, 14336, 256000, true,    10000,  0, 1e-6,   8192,      2,      1, 0, 0, 0,
     R"({"hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 4096,
         "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0})"},
    {"gemma-3-1b", "gemma3_text", kGemma3, 1152, 26, 4, 1, 256,  6912, 262144, true,  1000000,  0, 1e-6,  32768,      2,      1, 0, 0, 0,
     R"({"hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 512, "sliding_window_pattern": 6,
         "rope_local_base_freq": 10000})"},
    {"gemma-3-4b", "gemma3_text", kGemma3, 2560, 34, 8, 4, 256, 10240, 262208, true,  1000000,  0, 1e-6, 131072,      2,      1, 0, 0, 0,
     R"({"hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 1024, "sliding_window_pattern": 6,
         "rope_local_base_freq": 10000, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}})"},
    {"gemma-4-e2b", "gemma4_text", kGemma4, 1536, 35, 8, 1, 256,  6144, 262144, true,       0,  0, 1e-6, 131072,      2,      1, 0, 0, 0, kGemma4Small},
    {"gemma-4-31b", "gemma4_text", kGemma4, 5376, 60, 32, 16, 256, 21504, 262144, true,     0,  0, 1e-6, 262144,      2,      1, 0, 0, 0,
     R"({"attention_k_eq_v": true, "final_logit_softcapping": 30.0, "global_head_dim": 512, "hidden_activation": "gelu_pytorch_tanh",
         "hidden_size_per_layer_input": 0, "num_global_key_value_heads": 4, "sliding_window": 1024})"},
    {"smollm2-135m", "llama", kLlama,      576, 30,  9, 3,  64,  1536,  49152, true,   100000,  0, 1e-5,   8192,      0,      0},
    {"tinyllama-1.1b", "llama", kLlama,   2048, 22, 32, 4,  64,  5632,  32000, false,   10000,  0, 1e-5,   2048,      1,      2},
};
// clang-format on

}  // namespace

const std::vector<Architecture>& architectures() { return kArchitectures; }

const Architecture* findArchitecture(std::string_view name) {
  const auto found = std::ranges::find_if(kArchitectures, [&](const auto& a) { return a.name == name; });
  return found != kArchitectures.end() ? &*found : nullptr;
}

Result<float> normCentreOf(const Architecture& a) {
  DELTASCOPE_ASSIGN(const ModelConfig config, parseModelConfig(configOf(a, 1, DType::BF16), kConfigName));
  return config.addedNorms ? 0.0f : 1.0f;
}

Result<std::vector<TensorSpec>> tensorsOf(const Architecture& a, std::uint64_t layers, DType dtype) {
  DELTASCOPE_ASSIGN(const ModelConfig config, parseModelConfig(configOf(a, layers, dtype), kConfigName));
  auto weights = storedWeightsOf(config);
  // save_pretrained writes a layer's by name.
  for (auto first = weights.begin(); first != weights.end();) {
    const auto last = std::find_if(first, weights.end(), [&](const StoredWeight& weight) {
      return weight.layer != first->layer || rowOf(weight.role).layered != rowOf(first->role).layered;
    });
    if (rowOf(first->role).layered) std::ranges::sort(first, last, {}, &StoredWeight::name);
    first = last;
  }
  std::vector<TensorSpec> tensors;
  for (auto& weight : weights) tensors.push_back({std::move(weight.name), dtype, std::move(weight.shape)});
  return tensors;
}

nlohmann::ordered_json configOf(const Architecture& a, std::uint64_t layers, DType dtype) {
  nlohmann::ordered_json config;
  config["architectures"] = {a.className};
  config["model_type"] = a.modelType;
  config["bos_token_id"] = a.bos;
  config["eos_token_id"] = a.eos;
  config["head_dim"] = a.headDim;
  config["hidden_act"] = "silu";
  config["hidden_size"] = a.hidden;
  config["initializer_range"] = 0.02;
  config["intermediate_size"] = a.intermediate;
  config["max_position_embeddings"] = a.positions;
  if (a.expertIntermediate > 0) {
    config["decoder_sparse_step"] = 1;
    config["mlp_only_layers"] = nlohmann::json::array();
    config["moe_intermediate_size"] = a.expertIntermediate;
    config["norm_topk_prob"] = true;
    config["num_experts"] = a.experts;
  }
  if (a.experts > 0) config["num_experts_per_tok"] = a.chosen;
  config["num_attention_heads"] = a.heads;
  config["num_hidden_layers"] = layers;
  config["num_key_value_heads"] = a.kvHeads;
  config["rms_norm_eps"] = a.normEps;
  if (a.ropeTheta > 0) config["rope_theta"] = a.ropeTheta;
  if (a.ropeFactor > 0)
    config["rope_scaling"] = {{"factor", a.ropeFactor},
                              {"high_freq_factor", 4.0},
                              {"low_freq_factor", 1.0},
                              {"original_max_position_embeddings", 8192},
                              {"rope_type", "llama3"}};
  config["tie_word_embeddings"] = a.tied;
  config["torch_dtype"] = torchNameOf(dtype);
  config["use_cache"] = true;
  config["vocab_size"] = a.vocabulary;
  config.update(nlohmann::ordered_json::parse(a.more));
  if (const auto types = config.find("layer_types"); types != config.end()) {  // what repeats
    const auto period = *types;
    types->clear();
    for (std::uint64_t i = 0; i < layers; ++i) types->push_back(period[i % period.size()]);
  }
  if (layers < a.layers) config.erase("num_kv_shared_layers");  // of a model cut short, each has its own
  return config;
}

}  // namespace deltascope
