// SPDX-License-Identifier: Apache-2.0
#include "core/model/processor_only.h"

namespace deltascope {

std::string_view onlyOnProcessor(const ModelConfig& config) {
  for (const auto& layer : config.layers) {
    if (layer.isRecurrent()) return "recurrent layers";
    if (layer.attention.outputGate) return "gated attention";
  }
  return {};
}

}  // namespace deltascope
