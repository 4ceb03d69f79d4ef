// SPDX-License-Identifier: Apache-2.0
#include "core/model/processor_only.h"

namespace deltascope {

std::string_view onlyOnProcessor(const ModelConfig& config) {
  for (const auto& layer : config.layers) {
    if (layer.isRecurrent()) return "recurrent layers";
    if (layer.attention.outputGate) return "gated attention";
    if (layer.attention.sinks) return "attention sinks";
    if (layer.feedForward.shared > 0) return "shared experts";
    if (layer.feedForward.stacked) return "experts in one tensor";
    if (layer.attention.keysOf || layer.attention.valuesAreKeys) return "layers that share keys and values";
    if (layer.attention.valueNorm) return "norms of values";
    if (layer.scaled) return "scaled layers";
  }
  return {};
}

}  // namespace deltascope
