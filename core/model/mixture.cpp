// SPDX-License-Identifier: Apache-2.0
#include "core/model/mixture.h"

#include <cmath>
#include <numeric>

#include "core/base/failure.h"
#include "core/model/routing.h"

namespace deltascope {

using Role = WeightRole;

kernels::MatmulArgs argsOf(const ProductOf& product) {
  kernels::MatmulArgs args;
  args.weight = product.weight;
  args.x = product.x;
  args.y = product.y;
  args.tokens = product.tokens;
  args.bias = product.bias.data;
  args.biasType = product.bias.type;
  args.draft = product.draft;
  return args;
}

/// down(f(gate(x)) · up(x)) of `count` tokens into `branch`.
struct Mixture::Gated {
  const ExpertWeights& weights;
  const float* x;
  std::uint32_t count, width;
  bool fused;
};

Result<void> Mixture::multiply(const ProductOf& product) { return fromBackend(m_backend.matmul(argsOf(product))); }

Result<void> Mixture::run(const Pass& pass) {
  const FeedForwardConfig& block = m_config.layers[pass.index].feedForward;
  if (block.shared > 0) DELTASCOPE_TRY(addShared(pass));
  float* const router = at(pass, m_layout.router);
  DELTASCOPE_TRY(multiply({pass.layer.of(Role::Router), at(pass, m_layout.normed), router, pass.tokens,
                           pass.layer.vector(Role::RouterBias), pass.draft}));
  m_scores.resize(std::size_t{pass.tokens} * block.experts);
  m_backend.copyOut(m_scores.data(), router, m_scores.size() * sizeof(float));
  auto routing = Routing::of(m_scores, block);
  if (!routing)
    return fail(routing.error().code,
                weightName(Role::Router, pass.number, {}, m_config.names) + ": " + routing.error().message,
                routing.error().hint);
  pass.from.choose(pass.index, routing->chosen());
  for (const std::uint32_t i : routing->chosen()) {
    if (pass.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    DELTASCOPE_ASSIGN(const ExpertWeights* expert, pass.from.expert(pass.index, i));
    const auto tokens = routing->tokensOf(i);
    DELTASCOPE_TRY(runExpert(pass, *expert, tokens));
    addRows(pass, tokens, routing->weightsOf(i));
  }
  return {};
}

/// As transformers' Qwen2MoeSparseMoeBlock: what it gives is weighted by a logistic function of the token's own score.
Result<void> Mixture::addShared(const Pass& pass) {
  const FeedForwardConfig& block = m_config.layers[pass.index].feedForward;
  const float* const x = at(pass, m_layout.normed);
  ExpertWeights weights;
  weights.gate = pass.layer.of(Role::SharedGate);
  weights.up = pass.layer.of(Role::SharedUp);
  weights.down = pass.layer.of(Role::SharedDown);
  DELTASCOPE_TRY(apply(pass, {weights, x, pass.tokens, block.shared, false}));
  m_scores.assign(pass.tokens, 1.0f);
  if (block.sharedRouter) {
    float* const scores = at(pass, m_layout.router);
    DELTASCOPE_TRY(multiply({pass.layer.of(Role::SharedRouter), x, scores, pass.tokens, {}, pass.draft}));
    m_backend.copyOut(m_scores.data(), scores, m_scores.size() * sizeof(float));
    for (float& score : m_scores) score = 1.0f / (1.0f + std::exp(-score));
  }
  m_every.resize(pass.tokens);
  std::iota(m_every.begin(), m_every.end(), 0u);
  addRows(pass, m_every, m_scores);
  return {};
}

void Mixture::addRows(const Pass& pass, std::span<const std::uint32_t> rows, std::span<const float> weights) {
  m_backend.addRows(
      {at(pass, m_layout.branch), rows.data(), weights.data(), at(pass, m_layout.hidden), rows.size(), m_config.hidden});
}

/// Of those among the pass's tokens that chose it.
Result<void> Mixture::runExpert(const Pass& pass, const ExpertWeights& expert, std::span<const std::uint32_t> chosenBy) {
  const FeedForwardConfig& block = m_config.layers[pass.index].feedForward;
  const auto count = static_cast<std::uint32_t>(chosenBy.size());
  const float* x = at(pass, m_layout.normed);
  if (count < pass.tokens) {
    kernels::Matrix all;
    all.type = kernels::ElementType::F32;
    all.rows = pass.tokens;
    all.columns = m_config.hidden;
    all.elements = x;
    DELTASCOPE_TRY(fromBackend(m_backend.gatherRows({all, chosenBy.data(), count, at(pass, m_layout.picked)})));
    x = at(pass, m_layout.picked);
  }
  return apply(pass, {expert, x, count, block.intermediate, block.fused});
}

Result<void> Mixture::apply(const Pass& pass, const Gated& of) {
  const FeedForwardConfig& block = m_config.layers[pass.index].feedForward;
  float *gate = at(pass, m_layout.gate), *up = at(pass, m_layout.up), *pairs = at(pass, m_layout.fused);
  const std::uint64_t numbers = std::uint64_t{of.count} * of.width;
  const ProductOf down{of.weights.down, gate, at(pass, m_layout.branch), of.count, of.weights.downBias, pass.draft};
  if (!of.fused && !block.gelu) {
    DELTASCOPE_TRY(
        fromBackend(m_backend.gatedMatmul({}, argsOf({of.weights.gate, of.x, gate, of.count, of.weights.gateBias, pass.draft}),
                                          argsOf({of.weights.up, of.x, up, of.count, of.weights.upBias, pass.draft}))));
    return multiply(down);
  }
  DELTASCOPE_TRY(multiply({of.weights.gate, of.x, of.fused ? pairs : gate, of.count, of.weights.gateBias, pass.draft}));
  if (!of.fused) DELTASCOPE_TRY(multiply({of.weights.up, of.x, up, of.count, of.weights.upBias, pass.draft}));
  if (block.clampedAt > 0) {
    DELTASCOPE_TRY(fromBackend(m_backend.clampedGateMultiply({pairs, gate, numbers, block.clampedSlope, block.clampedAt})));
  } else {
    if (of.fused) {
      m_backend.copyRows({gate, pairs, of.count, of.width, 2 * std::uint64_t{of.width}});
      m_backend.copyRows({up, pairs + of.width, of.count, of.width, 2 * std::uint64_t{of.width}});
    }
    const kernels::GateMultiplyArgs args{gate, up, gate, numbers};
    if (block.gelu)
      DELTASCOPE_TRY(fromBackend(m_backend.geluMultiply(args)));
    else
      m_backend.siluMultiply(args);
  }
  return multiply(down);
}

}  // namespace deltascope
