// SPDX-License-Identifier: Apache-2.0
#include "core/model/activation_layout.h"

#include <algorithm>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kAlignment = 64;

}  // namespace

ActivationLayout::ActivationLayout(const ModelConfig& c, std::uint64_t tokens, std::uint64_t logitRows) {
  const auto queries = c.most([](const LayerConfig& l) { return std::uint64_t{l.attention.heads} * l.attention.headDim; });
  const auto keys = c.most([](const LayerConfig& l) { return std::uint64_t{l.attention.kvHeads} * l.attention.headDim; });
  const auto values = c.most([](const LayerConfig& l) { return l.recurrent.values(); });
  const auto gated = c.most([](const LayerConfig& l) {
    return l.attention.outputGate ? std::uint64_t{l.attention.heads} * l.attention.headDim : l.recurrent.values();
  });
  const auto intermediate =
      c.most([](const LayerConfig& l) { return std::uint64_t{std::max(l.feedForward.intermediate, l.feedForward.shared)}; });
  hidden = add(tokens * c.hidden);
  normed = add(tokens * std::max({std::uint64_t{c.hidden}, queries, values}));  // also holds what attention gives
  query = add(tokens * queries);
  key = add(tokens * keys);
  value = add(tokens * keys);
  gate = add(tokens * std::max({intermediate, gated, std::uint64_t{c.layerInputs}}));
  up = add(tokens * std::max<std::uint64_t>(intermediate, c.layerInputs));
  std::uint64_t angles = 0;
  for (const auto& rope : c.ropes) angles += rope.dimensions / 2;
  cosine = add(tokens * angles);
  sine = add(tokens * angles);
  logits = add(logitRows * c.vocabulary);
  const auto experts = c.most([](const LayerConfig& l) { return std::uint64_t{l.feedForward.experts}; });
  const bool normsAfter = c.most([](const LayerConfig& l) { return l.normsAfter; });
  router = add(tokens * experts);
  sinks = add(c.most([](const LayerConfig& l) { return std::uint64_t{l.attention.sinks ? l.attention.heads : 0}; }));
  picked = add(experts > 0 ? tokens * c.hidden : 0);
  const auto qkv = c.most([](const LayerConfig& l) {
    const std::uint64_t heads = l.attention.fused ? l.attention.heads + std::uint64_t{2} * l.attention.kvHeads : 0;
    return std::max(heads, std::uint64_t{2} * (l.attention.outputGate ? l.attention.heads : 0)) * l.attention.headDim;
  });
  const auto gateUp =
      c.most([](const LayerConfig& l) { return l.feedForward.fused ? l.feedForward.intermediate * std::uint64_t{2} : 0; });
  fused = add(tokens * std::max(qkv, gateUp));
  branch = add(experts > 0 || normsAfter || c.layerInputs > 0 || !isOne(c.residualScale) ? tokens * c.hidden : 0);
  inputs = add(tokens * c.layerInputs * c.layerCount());
  projected = add(tokens * c.layerInputs * c.layerCount());
  const auto channels = c.most([](const LayerConfig& l) { return l.recurrent.channels(); });
  const auto tails = c.most([](const LayerConfig& l) { return l.recurrent.kernel * l.recurrent.channels(); });
  const auto heads = c.most([](const LayerConfig& l) { return std::uint64_t{l.recurrent.valueHeads}; });
  const std::uint64_t read = tokens + logitRows;  // those of a last pass, which judged as many, once more
  rows = add(tails + read * channels);
  mixed = add(read * channels);
  decay = add(read * heads);
  strength = add(read * heads);
  gates = add(2 * read * heads);
}

std::uint64_t ActivationLayout::add(std::uint64_t floats) {
  const std::uint64_t offset = bytes;
  bytes += roundUp(floats * sizeof(float), kAlignment);
  return offset;
}

}  // namespace deltascope
