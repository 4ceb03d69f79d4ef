// SPDX-License-Identifier: Apache-2.0
#include "core/model/processor_only.h"

namespace deltascope {
namespace {

std::string_view onlyOnProcessor(const LayerConfig& layer) {
  if (layer.isRecurrent()) return "recurrent layers";
  if (layer.attention.outputGate) return "gated attention";
  if (layer.feedForward.experts > 0) return "mixtures of experts";
  if (layer.attention.softCap > 0) return "soft caps";
  if (layer.feedForward.gelu) return "GELU";
  if (layer.normsAfter || !layer.normsBefore) return "norms behind blocks";
  if (layer.attention.wholeNorm) return "norms over all heads";
  if (layer.attention.fused || layer.feedForward.fused) return "matrices that are several in one";
  if (!layer.attention.rotates) return "layers without rotary embedding";
  return {};
}

}  // namespace

std::string_view onlyOnProcessor(const ModelConfig& config) {
  for (const auto& layer : config.layers)
    if (const auto what = onlyOnProcessor(layer); !what.empty()) return what;
  for (const auto& layer : config.layers)
    if (config.ropes[layer.attention.rope].dimensions < layer.attention.headDim)
      return "rotary embeddings of a part of each head";
  if (config.addedNorms) return "norms by 1 + weight";
  if (config.logitCap > 0) return "soft caps";
  if (!isOne(config.embeddingScale) || !isOne(config.residualScale) || !isOne(config.logitScale)) return "scaled activations";
  return {};
}

}  // namespace deltascope
