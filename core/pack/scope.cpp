// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/matrices.h"
#include "core/pack/sources.h"

namespace deltascope {

bool isQuantizedBy(PackScope scope, const TensorInfo& tensor, const LinearLayers& layers) {
  if (tensor.elements == 0 || !isCodedFloat(tensor.dtype)) return false;
  if (scope == PackScope::All) return matricesOf(tensor.name, tensor.shape).has_value();
  return layers.kindOf(tensor.name, tensor.shape) != LinearKind::None;
}

}  // namespace deltascope
