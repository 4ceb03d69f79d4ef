// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/arrangement.h"

namespace deltascope {

Arrangement::Arrangement(const ModelConfig& config) : layers(config.layers.size()), experts(config.layers.size()) {
  for (std::size_t i = 0; i < experts.size(); ++i) experts[i].resize(config.layers[i].feedForward.experts);
}

void Arrangement::put(const WeightSpec& spec, const kernels::Matrix& weight) {
  if (spec.expert) {
    ExpertWeights& expert = experts[spec.layer][*spec.expert];
    const VectorRef vector{weight.elements, weight.type};
    switch (spec.role) {
      case WeightRole::Gate:
        expert.gate = weight;
        break;
      case WeightRole::Up:
        expert.up = weight;
        break;
      case WeightRole::Down:
        expert.down = weight;
        break;
      case WeightRole::GateBias:
        expert.gateBias = vector;
        break;
      case WeightRole::UpBias:
        expert.upBias = vector;
        break;
      default:
        expert.downBias = vector;
    }
  } else if (rowOf(spec.role).layered) {
    layers[spec.layer].of(spec.role) = weight;
  } else if (spec.role == WeightRole::FinalNorm) {
    finalNorm = {weight.elements, weight.type};
  } else if (spec.role == WeightRole::Embedding || spec.role == WeightRole::Head) {
    (spec.role == WeightRole::Embedding ? embedding : head) = weight;
  } else {
    outside.of(spec.role) = weight;
  }
}

}  // namespace deltascope
