// SPDX-License-Identifier: Apache-2.0
// Families whose layers are like Llama's but for norms, rotation or factors.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/model/config.h"
#include "core/model/family.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kMostLayers = 4096;

/// Above 0, and so is the FP32 number next to it.
Result<float> factorOf(const Fields& fields, const char* name) {
  DELTASCOPE_ASSIGN(const double factor, fields.number(name, 1.0));
  const auto rounded = static_cast<float>(factor);
  if (!(rounded > 0 && std::isfinite(1 / rounded) && std::isfinite(rounded)))
    return fields.corrupt(name, "is not a number above 0");
  return rounded;
}

}  // namespace

/// transformers' Olmo2DecoderLayer.
Result<void> finishOlmo2(const Fields&, ModelConfig& c) {
  for (auto& layer : c.layers) {
    layer.normsBefore = false;
    layer.normsAfter = true;
  }
  return {};
}

/// no_rope_layers says 1 of a layer that is rotated.
Result<void> finishSmolLm3(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(const std::uint32_t interval, fields.size("no_rope_layer_interval", 4, kMostLayers));
  const auto* rotated = fields.find("no_rope_layers");
  if (!rotated && !interval) return fields.corrupt("no_rope_layer_interval", "is 0");
  if (rotated && (!rotated->is_array() || rotated->size() != c.layers.size()))
    return fields.corrupt("no_rope_layers", "does not have an entry a layer");
  const bool byRotation = !fields.has("layer_types");
  for (std::size_t i = 0; i < c.layers.size(); ++i) {
    AttentionConfig& attention = c.layers[i].attention;
    if (rotated && (*rotated)[i] != 0 && (*rotated)[i] != 1)
      return fields.corrupt("no_rope_layers", "has an entry that is neither 0 nor 1");
    attention.rotates = rotated ? (*rotated)[i] == 1 : (i + 1) % interval != 0;
    if (attention.rotates && byRotation) attention.window = 0;
  }
  return {};
}

Result<void> finishGranite(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(c.embeddingScale, factorOf(fields, "embedding_multiplier"));
  DELTASCOPE_ASSIGN(c.residualScale, factorOf(fields, "residual_multiplier"));
  DELTASCOPE_ASSIGN(const float divisor, factorOf(fields, "logits_scaling"));
  c.logitScale = 1 / divisor;
  DELTASCOPE_ASSIGN(const float scale, factorOf(fields, "attention_multiplier"));
  for (auto& layer : c.layers) layer.attention.scale = scale;
  return {};
}

}  // namespace deltascope
