// SPDX-License-Identifier: Apache-2.0
#include "core/model/config.h"

#include <algorithm>

#include "core/model/family.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMostLayers = 4096, kMostWidth = 1u << 20, kMostVocabulary = 1u << 24, kMostPositions = 1u << 26;
constexpr std::uint32_t kMostHeads = 4096, kMostHeadDim = 4096;
constexpr std::uint32_t kMostExperts = 4096, kMostExpertsOfAll = 1u << 17;
constexpr std::uint32_t kDefaultMaxWindowLayers = 28, kDefaultExperts = 128, kDefaultExpertWidth = 768, kDefaultChosen = 8;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The first name of "architectures", in whatever form it is there.
std::string architectureOf(const Fields& fields) {
  const auto* value = fields.find("architectures");
  if (value && value->is_array()) value = value->empty() ? nullptr : &value->front();
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

/// model_type decides, as in transformers; architectures may name a wrapper or an older spelling. It counts where there is no
/// model_type.
Result<const Family*> familyOf(const json& config, const Fields& fields, const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(const std::string type, fields.text("model_type", std::string()));
  const std::string architecture = architectureOf(fields);
  if (!config.is_object() || (architecture.empty() && type.empty()))
    return fail(ErrorCode::Corrupt, at({path, {}, {}}, "model_type is missing, and so is architectures"),
                "copy the config.json that belongs to these weights");
  for (const auto& family : families())
    if (type.empty() ? family.architecture == architecture : family.modelType == type) return &family;
  const bool named = architecture.empty() || type.empty();
  return fields.unsupported(
      type.empty() ? "architectures" : "model_type",
      printable(named ? type + architecture : type + " (" + architecture + ")", 160) + " cannot be run here",
      "supported are " + joined(supportedArchitectures()) + "; packing, verifying and unpacking work for every model");
}

Result<void> refuseUnknownMeaning(const Fields& fields) {
  DELTASCOPE_ASSIGN(const std::string activation, fields.text("hidden_act", std::string("silu")));
  if (activation != "silu" && activation != "swish")
    return fields.unsupported("hidden_act", printable(activation, 60) + " is not supported, silu is");
  DELTASCOPE_ASSIGN(const double rotary, fields.number("partial_rotary_factor", 1.0));
  if (rotary < 1 || rotary > 1) return fields.unsupported("partial_rotary_factor", "rotary embeddings of a part of each head");
  return {};
}

/// As transformers 5: layer_types when it is there, else what the family's rule says.
Result<std::vector<std::uint32_t>> parseWindows(const Fields& fields, const Family& family, std::uint32_t layers) {
  std::vector<std::uint32_t> windows(layers, 0);
  if (family.windows == WindowRule::None) return windows;
  const bool present = fields.has("sliding_window");
  std::uint32_t window = 0;
  bool on = true;
  if (family.windows != WindowRule::Always) {
    DELTASCOPE_ASSIGN(on, fields.flag("use_sliding_window", false));
  }
  // A null means none; a field that is absent means the default.
  const auto* raw = fields.raw("sliding_window");
  if (present || !raw) {
    DELTASCOPE_ASSIGN(window, fields.size("sliding_window", family.defaultWindow, kMostPositions));
  }
  if (!on) window = 0;
  const auto* types = family.windows == WindowRule::SwitchedForAll ? nullptr : fields.find("layer_types");
  if (types && family.windows == WindowRule::Always)
    return fields.unsupported("layer_types", "layers that differ are not supported in this family");
  if (types) {
    if (!types->is_array() || types->size() != layers) return fields.corrupt("layer_types", "does not have an entry a layer");
    for (std::uint32_t i = 0; i < layers; ++i) {
      const auto& type = (*types)[i];
      if (type == "sliding_attention" && window == 0)
        return fields.corrupt("layer_types", "has sliding_attention, but no sliding_window is in use");
      if (type == "sliding_attention")
        windows[i] = window;
      else if (type != "full_attention")
        return fields.unsupported("layer_types", "only full_attention and sliding_attention are supported");
    }
    return windows;
  }
  std::uint32_t first = 0;
  if (family.windows == WindowRule::Switched) {
    DELTASCOPE_ASSIGN(first, fields.size("max_window_layers", kDefaultMaxWindowLayers, kMostLayers));
  }
  for (std::uint32_t i = first; i < layers; ++i) windows[i] = window;
  return windows;
}

/// What all layers have in common goes to `layer`.
Result<std::uint32_t> parseShape(const Fields& fields, const Family& family, ModelConfig& c, LayerConfig& layer) {
  AttentionConfig& attention = layer.attention;
  DELTASCOPE_ASSIGN(c.hidden, fields.size("hidden_size", std::nullopt, kMostWidth));
  DELTASCOPE_ASSIGN(layer.feedForward.intermediate, fields.size("intermediate_size", std::nullopt, kMostWidth));
  DELTASCOPE_ASSIGN(const std::uint32_t layers, fields.size("num_hidden_layers", std::nullopt, kMostLayers));
  DELTASCOPE_ASSIGN(attention.heads, fields.size("num_attention_heads", std::nullopt, kMostHeads));
  DELTASCOPE_ASSIGN(c.vocabulary, fields.size("vocab_size", std::nullopt, kMostVocabulary));
  DELTASCOPE_ASSIGN(c.maxPositions, fields.size("max_position_embeddings", family.defaultPositions, kMostPositions));
  if (!c.hidden || !layer.feedForward.intermediate || !layers || !attention.heads || !c.vocabulary || !c.maxPositions)
    return fields.corrupt("hidden_size", "or another size of the model is 0");
  // transformers takes the family's number only where the field is absent; null means one key-value head a head.
  const std::uint32_t kvDefault =
      family.defaultKvHeads && !fields.raw("num_key_value_heads") ? family.defaultKvHeads : attention.heads;
  DELTASCOPE_ASSIGN(attention.kvHeads, fields.size("num_key_value_heads", kvDefault, kMostHeads));
  if (!attention.kvHeads || attention.heads % attention.kvHeads != 0)
    return fields.corrupt("num_key_value_heads", "does not divide num_attention_heads");
  const std::uint32_t headDefault =
      family.defaultHeadDim && !fields.raw("head_dim") ? family.defaultHeadDim : c.hidden / attention.heads;
  DELTASCOPE_ASSIGN(attention.headDim, fields.size("head_dim", headDefault, kMostHeadDim));
  if (!attention.headDim || attention.headDim % 2 != 0) return fields.corrupt("head_dim", "is not an even number above 0");
  if (std::uint64_t{attention.heads} * attention.headDim > kMostWidth)
    return fields.corrupt("head_dim", "times num_attention_heads is too large");
  return layers;
}

/// num_experts is an alias of num_local_experts there.
Result<std::uint32_t> expertCount(const Fields& fields) {
  DELTASCOPE_ASSIGN(const std::uint32_t local, fields.size("num_local_experts", kDefaultExperts, kMostExperts));
  DELTASCOPE_ASSIGN(const std::uint32_t experts, fields.size("num_experts", local, kMostExperts));
  if (experts != local && fields.has("num_local_experts"))
    return fields.corrupt("num_experts", "is not num_local_experts, which is there too");
  return experts;
}

/// transformers' Qwen3MoeDecoderLayer: every decoder_sparse_step-th layer that mlp_only_layers does not name.
Result<void> parseExperts(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(const std::uint32_t experts, expertCount(fields));
  DELTASCOPE_ASSIGN(const std::uint32_t step, fields.size("decoder_sparse_step", 1, kMostLayers));
  if (!step) return fields.corrupt("decoder_sparse_step", "is 0");
  FeedForwardConfig block;
  DELTASCOPE_ASSIGN(block.intermediate, fields.size("moe_intermediate_size", kDefaultExpertWidth, kMostWidth));
  DELTASCOPE_ASSIGN(block.chosen, fields.size("num_experts_per_tok", kDefaultChosen, kMostExperts));
  DELTASCOPE_ASSIGN(block.sharesOfChosen, fields.flag("norm_topk_prob", false));
  block.experts = experts;
  if (!experts) return {};
  if (!block.intermediate) return fields.corrupt("moe_intermediate_size", "is 0");
  if (!block.chosen || block.chosen > experts)
    return fields.corrupt("num_experts_per_tok", "is not between 1 and num_experts, which is " + std::to_string(experts));
  if (std::uint64_t{experts} * c.layers.size() > kMostExpertsOfAll)
    return fields.corrupt("num_experts", "times num_hidden_layers is too large");
  std::vector<bool> dense(c.layers.size(), false);
  if (const auto* only = fields.find("mlp_only_layers")) {
    if (!only->is_array()) return fields.corrupt("mlp_only_layers", "is not a list");
    for (const auto& layer : *only) {
      if (!layer.is_number_unsigned()) return fields.corrupt("mlp_only_layers", "has an entry that is no layer's number");
      if (const auto index = layer.get<std::uint64_t>(); index < dense.size()) dense[index] = true;
    }
  }
  for (std::size_t i = 0; i < c.layers.size(); ++i)
    if (!dense[i] && (i + 1) % step == 0) c.layers[i].feedForward = block;
  return {};
}

}  // namespace

std::vector<std::string> supportedArchitectures() {
  std::vector<std::string> names;
  for (const auto& family : families()) names.emplace_back(family.architecture);
  return names;
}

Result<ModelConfig> parseModelConfig(const json& config, const std::filesystem::path& path) {
  if (!config.is_null() && !config.is_object()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, "is not a JSON object"));
  if (!config.is_object())
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "there is no such file, so that the model's shape is not known"),
                "put the model's config.json there");
  const Fields fields(config, path);
  DELTASCOPE_ASSIGN(const Family* family, familyOf(config, fields, path));
  ModelConfig c;
  c.architecture = family->architecture;
  c.family = family->name;
  DELTASCOPE_TRY(refuseUnknownMeaning(fields));
  LayerConfig layer;
  DELTASCOPE_ASSIGN(const std::uint32_t layers, parseShape(fields, *family, c, layer));
  DELTASCOPE_ASSIGN(const double epsilon, fields.number("rms_norm_eps", 1e-6));
  if (!(epsilon >= 0)) return fields.corrupt("rms_norm_eps", "is negative");
  c.rmsEpsilon = static_cast<float>(epsilon);
  DELTASCOPE_ASSIGN(c.tiedEmbeddings, fields.flag("tie_word_embeddings", false));
  DELTASCOPE_ASSIGN(const bool attentionBias, fields.flag("attention_bias", false));
  DELTASCOPE_ASSIGN(const bool mlpBias, fields.flag("mlp_bias", false));
  layer.attention.inputBias = family->qkvBias || (family->attentionBiasField && attentionBias);
  layer.attention.outputBias = family->outputBiasToo && attentionBias;
  layer.attention.headNorm = family->headNorm;
  layer.feedForward.bias = family->mlpBiasField && mlpBias;
  c.layers.assign(layers, layer);
  if (family->experts) DELTASCOPE_TRY(parseExperts(fields, c));
  DELTASCOPE_ASSIGN(const auto windows, parseWindows(fields, *family, layers));
  const bool layersDiffer = family->windows == WindowRule::Switched;
  DELTASCOPE_ASSIGN(auto ropes, readRopes({fields, path, c.maxPositions, layer.attention.headDim,
                                           layersDiffer ? windows : std::span<const std::uint32_t>()}));
  for (const auto& rope : ropes.ropes) c.maxPositions = std::max(c.maxPositions, ropePositions(rope, c.maxPositions));
  c.ropes = std::move(ropes.ropes);
  for (std::uint32_t i = 0; i < layers; ++i) {
    c.layers[i].attention.window = windows[i];
    if (!ropes.byLayer.empty()) c.layers[i].attention.rope = ropes.byLayer[i];
  }
  return c;
}

}  // namespace deltascope
