// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/checkpoint/gguf_texts.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kArchitectures{"llama", "qwen2", "qwen3"};

struct Field {
  std::string_view there, here;
};
constexpr std::array kSizes{Field{"embedding_length", "hidden_size"},
                            Field{"block_count", "num_hidden_layers"},
                            Field{"feed_forward_length", "intermediate_size"},
                            Field{"attention.head_count", "num_attention_heads"},
                            Field{"attention.head_count_kv", "num_key_value_heads"},
                            Field{"attention.key_length", "head_dim"},
                            Field{"context_length", "max_position_embeddings"}};
constexpr std::array kNumbers{Field{"attention.layer_norm_rms_epsilon", "rms_norm_eps"}, Field{"rope.freq_base", "rope_theta"}};

bool hasAny(const Checkpoint& model, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(model.tensors(), [&](const TensorInfo& tensor) {
    return std::ranges::any_of(endings, [&](std::string_view ending) { return tensor.name.ends_with(ending); });
  });
}

/// What each frequency is divided by, where the file says it in a tensor: the scaling of Llama 3.1 and later.
Result<json> frequencyScaling(const Checkpoint& model, const TensorInfo& tensor, std::uint64_t positions) {
  constexpr std::uint64_t kMost = 4096;
  if (tensor.dtype != DType::F32 || tensor.elements > kMost)
    return fail(ErrorCode::Unsupported, at({model.path(), tensor.name, tensor.offset}, "is not a list of F32 numbers"));
  DELTASCOPE_ASSIGN(const auto bytes, model.readAll(tensor));
  std::vector<float> factors(bytes.size() / sizeof(float));
  if (!factors.empty()) std::memcpy(factors.data(), bytes.data(), bytes.size());
  if (!std::ranges::all_of(factors, [](float factor) { return std::isfinite(factor); }))
    return fail(ErrorCode::Corrupt, at({model.path(), tensor.name, tensor.offset}, "holds a number that is not finite"));
  return json{{"rope_type", "longrope"},
              {"short_factor", factors},
              {"long_factor", factors},
              {"original_max_position_embeddings", positions},
              {"attention_factor", 1.0}};
}

/// Nothing where the file has no such key; what is there must be a number that JSON can hold.
Result<std::optional<double>> finiteIn(const Checkpoint& model, const std::string& key) {
  const auto& metadata = model.gguf()->metadata();
  if (!metadata.contains(key)) return std::nullopt;
  const auto number = numberIn(metadata, key);
  if (!number || !std::isfinite(*number))
    return fail(ErrorCode::Corrupt, at({model.path(), {}, {}}, "its " + printable(key) + " is not a finite number"));
  return number;
}

Result<std::optional<std::uint64_t>> sizeIn(const Checkpoint& model, const std::string& key) {
  const auto& metadata = model.gguf()->metadata();
  if (!metadata.contains(key)) return std::nullopt;
  const auto size = wholeIn(metadata, key);
  if (!size)
    return fail(ErrorCode::Unsupported, at({model.path(), {}, {}}, "its " + printable(key) + " is not one whole number"),
                "models whose layers differ in it cannot be run from a GGUF file");
  return size;
}

/// What the config of the architectures that run has no word for.
Result<void> checkHeads(const Checkpoint& model, const std::string& prefix, const json& config) {
  const auto size = [&](const char* name) { return config.value(name, std::uint64_t{0}); };
  const std::uint64_t heads = size("num_attention_heads");
  const std::uint64_t width = config.contains("head_dim") ? size("head_dim") : heads ? size("hidden_size") / heads : 0;
  for (const char* key : {"rope.dimension_count", "attention.value_length"}) {
    DELTASCOPE_ASSIGN(const auto own, sizeIn(model, prefix + key));
    if (own && *own != width)
      return fail(ErrorCode::Unsupported,
                  at({model.path(), {}, {}}, "its " + prefix + key + " is " + std::to_string(*own) + ", its heads have " +
                                                 std::to_string(width) + " elements: such models cannot be run here"));
  }
  return {};
}

/// What YaRN's own keys say. One that would change what its scale does is refused: config.json has no word for it.
Result<void> yarnFields(const Checkpoint& model, const std::string& prefix, json& scaling) {
  constexpr std::array kFields{Field{"rope.scaling.yarn_beta_fast", "beta_fast"},
                               Field{"rope.scaling.yarn_beta_slow", "beta_slow"}};
  for (const auto& [there, here] : kFields) {
    DELTASCOPE_ASSIGN(const auto number, finiteIn(model, prefix + std::string(there)));
    if (number && *number >= 0) scaling[std::string(here)] = *number;  // below 0: the default
  }
  for (const auto& [key, neutral] :
       {std::pair{"rope.scaling.yarn_ext_factor", 1.0}, std::pair{"rope.scaling.yarn_attn_factor", 1.0},
        std::pair{"rope.scaling.attn_factor", 1.0}, std::pair{"rope.scaling.yarn_log_multiplier", 0.0}}) {
    DELTASCOPE_ASSIGN(const auto number, finiteIn(model, prefix + key));
    if (number && *number >= 0 && *number != neutral)
      return fail(ErrorCode::Unsupported,
                  at({model.path(), {}, {}}, "its " + prefix + key + " is not the usual one: such models cannot be run here"));
  }
  return {};
}

Result<json> scaling(const Checkpoint& model, const std::string& prefix, const json& config) {
  const auto& metadata = model.gguf()->metadata();
  if (const auto* factors = model.find("rope_freqs.weight"))
    return frequencyScaling(model, *factors, config.value("max_position_embeddings", std::uint64_t{0}));
  const auto* type = textIn(metadata, prefix + "rope.scaling.type");
  if (!type && metadata.contains(prefix + "rope.scaling.type"))
    return fail(ErrorCode::Corrupt, at({model.path(), {}, {}}, "its " + prefix + "rope.scaling.type is not a text"));
  DELTASCOPE_ASSIGN(auto factor, finiteIn(model, prefix + "rope.scaling.factor"));
  if (!factor) {
    DELTASCOPE_ASSIGN(factor, finiteIn(model, prefix + "rope.scale_linear"));  // what older files have
  }
  if (type ? *type == "none" : !factor || *factor == 0) return json();
  json scaling{{"rope_type", type ? *type : "linear"}};
  if (factor) scaling["factor"] = *factor;
  if (const auto positions = wholeIn(metadata, prefix + "rope.scaling.original_context_length"))
    scaling["original_max_position_embeddings"] = *positions;
  if (type && *type == "yarn") DELTASCOPE_TRY(yarnFields(model, prefix, scaling));
  return scaling;
}

}  // namespace

Result<json> configFromGguf(const Checkpoint& model) {
  const auto& metadata = model.gguf()->metadata();
  const auto* architecture = textIn(metadata, "general.architecture");
  const bool known = architecture && std::ranges::find(kArchitectures, *architecture) != kArchitectures.end();
  if (!known)
    return fail(
        ErrorCode::Unsupported,
        at({model.path(), {}, {}},
           "its architecture " + (architecture ? printable(*architecture, 60) : "is not told and") + " cannot be run here"),
        "supported are llama, qwen2 and qwen3; packing, verifying and unpacking work for every model");
  const std::string prefix = *architecture + ".";
  json config{{"model_type", *architecture}};
  for (const auto& [there, here] : kSizes) {
    DELTASCOPE_ASSIGN(const auto size, sizeIn(model, prefix + std::string(there)));
    if (size) config[std::string(here)] = *size;
  }
  for (const auto& [there, here] : kNumbers) {
    DELTASCOPE_ASSIGN(const auto number, finiteIn(model, prefix + std::string(there)));
    if (number) config[std::string(here)] = *number;
  }
  if (!config.contains("rms_norm_eps"))  // the default of config.json is another family's
    return fail(ErrorCode::Corrupt,
                at({model.path(), {}, {}}, "its metadata lacks " + prefix + std::string(kNumbers.front().there)));
  DELTASCOPE_TRY(checkHeads(model, prefix, config));
  if (const auto experts = wholeIn(metadata, prefix + "expert_count"); experts && *experts > 0)
    return fail(ErrorCode::Unsupported, at({model.path(), {}, {}}, "is a mixture of experts, which cannot be run here"));
  if (const auto* embedding = model.find("token_embd.weight"); embedding && !embedding->shape.empty())
    config["vocab_size"] = embedding->shape.front();
  config["tie_word_embeddings"] = model.find("output.weight") == nullptr;
  config["attention_bias"] = hasAny(model, {".attn_q.bias", ".attn_k.bias", ".attn_v.bias", ".attn_output.bias"});
  config["mlp_bias"] = hasAny(model, {".ffn_gate.bias", ".ffn_up.bias", ".ffn_down.bias"});
  if (const auto end = wholeIn(metadata, "tokenizer.ggml.eos_token_id")) {
    json ends{*end};
    if (const auto turn = wholeIn(metadata, "tokenizer.ggml.eot_token_id"); turn && turn != end) ends.push_back(*turn);
    config["eos_token_id"] = std::move(ends);
  }
  DELTASCOPE_ASSIGN(json rope, scaling(model, prefix, config));
  if (!rope.is_null()) config["rope_scaling"] = std::move(rope);
  return config;
}

}  // namespace deltascope
