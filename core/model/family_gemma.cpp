// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/model/config.h"
#include "core/model/family.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

constexpr double kUsualScalar = 256;
constexpr std::uint32_t kMostWidth = 1u << 20, kMostHeadDim = 4096;
constexpr const char *kHeadDim = "head_dim", *kKeyHeads = "num_key_value_heads";

/// Null, which is none, or a number above 0; absent: `usual`.
Result<float> readCap(const Fields& fields, const char* name, double usual) {
  if (const auto* value = fields.raw(name); value && value->is_null()) return 0.0f;
  DELTASCOPE_ASSIGN(const double cap, fields.number(name, usual));
  const auto rounded = static_cast<float>(cap);
  if (fields.has(name) && !(rounded > 0 && std::isfinite(rounded)))
    return fields.corrupt(name, "is not a number above 0; null is none");
  return rounded;
}

/// What Gemma 2 and 3 have in common. transformers rounds the embedding's scale to the type that it loads the weights as; here
/// that is FP32.
Result<void> finishGemma(const Fields& fields, ModelConfig& c) {
  c.addedNorms = true;
  c.embeddingScale = static_cast<float>(std::sqrt(static_cast<double>(c.hidden)));
  DELTASCOPE_ASSIGN(const double scalar, fields.number("query_pre_attn_scalar", kUsualScalar));
  const auto scale = static_cast<float>(1 / std::sqrt(scalar));
  if (!(scale > 0 && std::isfinite(scale))) return fields.corrupt("query_pre_attn_scalar", "is not a number above 0");
  DELTASCOPE_ASSIGN(const bool bothWays, fields.flag("use_bidirectional_attention", false));
  if (bothWays) return fields.unsupported("use_bidirectional_attention", "tokens that see later ones are not supported");
  for (auto& layer : c.layers) {
    layer.normsAfter = true;
    layer.attention.scale = scale;
  }
  return {};
}

/// What per_layer_config, as transformers saves it, says of a layer; else `usual`.
Result<std::uint32_t> sizeOfLayer(const Fields& fields, std::uint32_t layer, const char* name, std::uint32_t usual) {
  constexpr const char* kAll = "per_layer_config";
  const auto* all = fields.find(kAll);
  if (!all) return usual;
  if (!all->is_object()) return fields.corrupt(kAll, "is not an object");
  const auto entry = all->find(std::to_string(layer));
  if (entry == all->end()) return usual;
  if (!entry->is_object()) return fields.corrupt(kAll, "has an entry that is not an object");
  for (const auto& [key, value] : entry->items())
    if (key != kHeadDim && key != kKeyHeads)
      return fields.unsupported(kAll, "layers that differ in " + printable(key, 60) + " are not supported");
  return fields.inner(*entry, kAll + ("." + std::to_string(layer))).size(name, usual, kMostHeadDim);
}

/// Layers of one kind have heads of one size, as they turn by one rope.
Result<void> sizeHeads(const Fields& fields, ModelConfig& c, std::uint32_t globalKeys) {
  const bool byLayer = fields.has("per_layer_config");
  for (std::uint32_t i = 0; i < c.layerCount(); ++i) {
    AttentionConfig& attention = c.layers[i].attention;
    const bool global = attention.window == 0;
    const std::uint32_t usual = attention.headDim;
    attention.headDim = c.ropes[attention.rope].dimensions;
    if (global && !byLayer) attention.kvHeads = globalKeys;
    DELTASCOPE_ASSIGN(const std::uint32_t own, sizeOfLayer(fields, i, kHeadDim, usual));
    if (byLayer && own != attention.headDim)
      return fields.unsupported("per_layer_config", "layers of one kind with heads of several sizes are not supported");
    DELTASCOPE_ASSIGN(attention.kvHeads, sizeOfLayer(fields, i, kKeyHeads, attention.kvHeads));
    if (!attention.kvHeads || attention.heads % attention.kvHeads != 0)
      return fields.corrupt(byLayer ? "per_layer_config" : "num_global_key_value_heads", "does not divide num_attention_heads");
    if (std::uint64_t{attention.heads} * attention.headDim > kMostWidth)
      return fields.corrupt("global_head_dim", "times num_attention_heads is too large");
  }
  return {};
}

/// transformers' kv_sharing_modes: the last layers read the keys of the last one before them that is of their kind.
Result<void> shareKeys(const Fields& fields, ModelConfig& c) {
  const auto layers = c.layerCount();
  DELTASCOPE_ASSIGN(const std::uint32_t sharing, fields.size("num_kv_shared_layers", 0, layers));
  DELTASCOPE_ASSIGN(const bool wide, fields.flag("use_double_wide_mlp", false));
  for (std::uint32_t i = layers - sharing; i < layers; ++i) {
    LayerConfig& layer = c.layers[i];
    for (std::uint32_t source = layers - sharing; source-- > 0 && !layer.attention.keysOf;)
      if (c.layers[source].attention.window == layer.attention.window) layer.attention.keysOf = source;
    if (layer.attention.keysOf && c.layers[*layer.attention.keysOf].attention.kvHeads != layer.attention.kvHeads)
      return fields.unsupported("per_layer_config", "layers that read the keys of one with other heads are not supported");
    if (!layer.attention.keysOf)
      return fields.corrupt("num_kv_shared_layers", "leaves no layer of one kind with keys of its own, which others read");
    if (wide) layer.feedForward.intermediate *= 2;
  }
  return {};
}

Result<void> readLayerInputs(const Fields& fields, ModelConfig& c) {
  constexpr std::uint32_t kUsualInputs = 256, kUsualVocabulary = 262144, kMostVocabulary = 1u << 24;
  constexpr std::uint64_t kMostAll = 1u << 24;
  DELTASCOPE_ASSIGN(c.layerInputs, fields.size("hidden_size_per_layer_input", kUsualInputs, kMostWidth));
  DELTASCOPE_ASSIGN(c.layerVocabulary, fields.size("vocab_size_per_layer_input", kUsualVocabulary, kMostVocabulary));
  if (!c.layerInputs) return {};
  if (c.layerVocabulary < c.vocabulary)
    return fields.corrupt("vocab_size_per_layer_input", "is below vocab_size, so that tokens would have no inputs");
  if (std::uint64_t{c.layerInputs} * c.layerCount() > kMostAll)
    return fields.corrupt("hidden_size_per_layer_input", "times num_hidden_layers is too large");
  return {};
}

}  // namespace

Result<std::uint32_t> globalHeadDim(const Fields& fields, std::uint32_t usual, std::uint32_t headDim, std::uint32_t layers) {
  if (fields.has("per_layer_config")) return sizeOfLayer(fields, layers - 1, kHeadDim, headDim);
  return fields.size("global_head_dim", usual, kMostHeadDim);
}

/// What is no window is global: heads of another size there, as many keys as num_global_key_value_heads says where they are
/// values too.
Result<void> finishGemma4(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(const bool experts, fields.flag("enable_moe_block", false));
  if (experts) return fields.unsupported("enable_moe_block", "Gemma 4 with experts is not supported yet");
  DELTASCOPE_ASSIGN(const std::string bothWays, fields.text("use_bidirectional_attention", std::string("vision")));
  if (bothWays != "vision")
    return fields.unsupported("use_bidirectional_attention", "tokens that see later ones are not supported");
  c.layers.back().attention.window = 0;
  c.layers.back().attention.rope = 0;
  c.embeddingScale = static_cast<float>(std::sqrt(static_cast<double>(c.hidden)));
  DELTASCOPE_ASSIGN(c.logitCap, readCap(fields, "final_logit_softcapping", 0));
  DELTASCOPE_ASSIGN(const bool keysAreValues, fields.flag("attention_k_eq_v", false));
  const AttentionConfig usual = c.layers.front().attention;
  std::uint32_t globalKeys = usual.kvHeads;
  if (keysAreValues) {
    DELTASCOPE_ASSIGN(globalKeys, fields.size("num_global_key_value_heads", globalKeys, usual.heads));
  }
  for (auto& layer : c.layers) {
    layer.normsAfter = layer.scaled = true;
    layer.attention.scale = 1;
    layer.attention.valueNorm = true;
    layer.attention.valuesAreKeys = keysAreValues && layer.attention.window == 0;
  }
  DELTASCOPE_TRY(sizeHeads(fields, c, globalKeys));
  DELTASCOPE_TRY(shareKeys(fields, c));
  return readLayerInputs(fields, c);
}

Result<void> finishGemma2(const Fields& fields, ModelConfig& c) {
  constexpr double kUsualCap = 50, kUsualLogitCap = 30;
  DELTASCOPE_TRY(finishGemma(fields, c));
  DELTASCOPE_ASSIGN(c.logitCap, readCap(fields, "final_logit_softcapping", kUsualLogitCap));
  DELTASCOPE_ASSIGN(const float cap, readCap(fields, "attn_logit_softcapping", kUsualCap));
  for (auto& layer : c.layers) layer.attention.softCap = cap;
  return {};
}

/// transformers reads attn_logit_softcapping and does nothing with it; nor with final_logit_softcapping where the text is a
/// part of a model that sees.
Result<void> finishGemma3(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_TRY(finishGemma(fields, c));
  if (c.textPart) return {};
  DELTASCOPE_ASSIGN(c.logitCap, readCap(fields, "final_logit_softcapping", 0));
  return {};
}

}  // namespace deltascope
