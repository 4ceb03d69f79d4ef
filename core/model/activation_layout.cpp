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
  const auto intermediate = c.most([](const LayerConfig& l) { return std::uint64_t{l.feedForward.intermediate}; });
  hidden = add(tokens * c.hidden);
  normed = add(tokens * std::max<std::uint64_t>(c.hidden, queries));  // also holds what attention gives
  query = add(tokens * queries);
  key = add(tokens * keys);
  value = add(tokens * keys);
  gate = add(tokens * intermediate);
  up = add(tokens * intermediate);
  std::uint64_t angles = 0;
  for (const auto& rope : c.ropes) angles += rope.dimensions / 2;
  cosine = add(tokens * angles);
  sine = add(tokens * angles);
  logits = add(logitRows * c.vocabulary);
  const auto experts = c.most([](const LayerConfig& l) { return std::uint64_t{l.feedForward.experts}; });
  const bool normsAfter = c.most([](const LayerConfig& l) { return l.normsAfter; });
  router = add(tokens * experts);
  picked = add(experts > 0 ? tokens * c.hidden : 0);
  const auto qkv = c.most([](const LayerConfig& l) {
    return l.attention.fused ? (l.attention.heads + std::uint64_t{2} * l.attention.kvHeads) * l.attention.headDim : 0;
  });
  const auto gateUp =
      c.most([](const LayerConfig& l) { return l.feedForward.fused ? l.feedForward.intermediate * std::uint64_t{2} : 0; });
  fused = add(tokens * std::max(qkv, gateUp));
  branch = add(experts > 0 || normsAfter || !isOne(c.residualScale) ? tokens * c.hidden : 0);
}

std::uint64_t ActivationLayout::add(std::uint64_t floats) {
  const std::uint64_t offset = bytes;
  bytes += roundUp(floats * sizeof(float), kAlignment);
  return offset;
}

}  // namespace deltascope
