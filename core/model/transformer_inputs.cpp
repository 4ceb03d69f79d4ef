// SPDX-License-Identifier: Apache-2.0
// What layers get of a token besides hidden: transformers' per-layer embeddings of Gemma 4.
#include <bit>
#include <cmath>

#include "core/base/failure.h"
#include "core/model/transformer_state.h"
#include "kernels/half.h"

namespace deltascope {

Result<void> Transformer::State::prepareInputs(Weights& from, std::span<const std::uint32_t> tokens) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  const std::uint64_t rows = std::uint64_t{count} * config.layerCount(), floats = rows * config.layerInputs;
  float *inputs = at(layout.inputs), *projected = at(layout.projected);
  DELTASCOPE_ASSIGN(const kernels::Matrix embedding, from.outside(WeightRole::LayerEmbedding));
  DELTASCOPE_TRY(fromBackend(backend.gatherRows({embedding, tokens.data(), count, inputs})));
  DELTASCOPE_TRY(fromBackend(backend.scale({inputs, floats, std::sqrt(static_cast<float>(config.layerInputs))})));
  DELTASCOPE_ASSIGN(const kernels::Matrix projection, from.outside(WeightRole::LayerProjection));
  DELTASCOPE_TRY(fromBackend(backend.matmul(productOf(projection, at(layout.hidden), projected, count, {}))));
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.hidden)));
  DELTASCOPE_TRY(fromBackend(backend.scale({projected, floats, scale})));
  DELTASCOPE_ASSIGN(const kernels::Matrix norm, from.outside(WeightRole::LayerProjectionNorm));
  backend.rmsNorm({projected, projected, norm.elements, norm.type, static_cast<std::uint32_t>(rows), config.layerInputs,
                   config.rmsEpsilon, config.addedNorms});
  DELTASCOPE_TRY(fromBackend(backend.addScaled({projected, inputs, floats, 1})));
  return fromBackend(backend.scale({inputs, floats, static_cast<float>(std::sqrt(0.5))}));
}

Result<void> Transformer::State::addInputs(const LayerWeights& layer, std::uint32_t index, std::uint32_t tokens) {
  float *x = at(layout.hidden), *gate = at(layout.gate), *own = at(layout.up), *branch = at(layout.branch);
  const std::uint64_t width = config.layerInputs;
  backend.copyRows({own, at(layout.inputs) + index * width, tokens, width, config.layerCount() * width});
  DELTASCOPE_TRY(fromBackend(backend.matmul(productOf(layer.of(WeightRole::LayerInputGate), x, gate, tokens, {}))));
  DELTASCOPE_TRY(fromBackend(backend.geluMultiply({gate, own, gate, tokens * width})));
  DELTASCOPE_TRY(fromBackend(backend.matmul(productOf(layer.of(WeightRole::LayerInputProjection), gate, branch, tokens, {}))));
  backend.rmsNorm(normOf(branch, branch, layer.vector(WeightRole::LayerInputNorm), tokens));
  return fromBackend(backend.addScaled({branch, x, std::uint64_t{tokens} * config.hidden, 1}));
}

Result<void> Transformer::State::scaleLayer(const LayerWeights& layer, std::uint32_t tokens) {
  const VectorRef stored = layer.vector(WeightRole::LayerScale);
  std::uint32_t bits = 0;
  backend.copyOut(&bits, stored.data, kernels::bytesOf(stored.type));
  const float factor = stored.type == kernels::ElementType::F32    ? std::bit_cast<float>(bits)
                       : stored.type == kernels::ElementType::BF16 ? kernels::fromBf16(static_cast<std::uint16_t>(bits))
                                                                   : kernels::fromF16(static_cast<std::uint16_t>(bits));
  return fromBackend(backend.scale({at(layout.hidden), std::uint64_t{tokens} * config.hidden, factor}));
}

}  // namespace deltascope
