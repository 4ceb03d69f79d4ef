// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/arrangement.h"

namespace deltascope {

void Arrangement::put(const WeightSpec& spec, const kernels::Matrix& weight) {
  if (rowOf(spec.role).layered)
    layers[spec.layer].of(spec.role) = weight;
  else if (spec.role == WeightRole::FinalNorm)
    finalNorm = {weight.elements, weight.type};
  else
    (spec.role == WeightRole::Embedding ? embedding : head) = weight;
}

}  // namespace deltascope
