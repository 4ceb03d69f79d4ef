// SPDX-License-Identifier: Apache-2.0
// Layers with a state instead of keys and values: transformers' Qwen3_5GatedDeltaNet, token by token.
#include <array>

#include "core/base/failure.h"
#include "core/model/transformer_state.h"

namespace deltascope {

Result<void> Transformer::State::recur(const LayerWeights& layer, std::uint32_t index, KvCache& cache, std::uint32_t tokens) {
  using Role = WeightRole;
  const LayerConfig& of = config.layers[index];
  const RecurrentConfig& net = of.recurrent;
  RecurrentState& state = *cache.recurrent(device);
  const RecurrentState::Step step = state.begin(index, cache.length(), tokens, drafting);
  const std::uint64_t channels = net.channels(), heads = net.valueHeads, tail = (net.kernel - 1) * channels;
  float *x = at(layout.hidden), *normed = at(layout.normed), *rows = at(layout.rows), *gate = at(layout.gate);
  float *decay = at(layout.decay), *strength = at(layout.strength);
  const auto before = [&](float* into, const float* from, std::uint64_t floats) {
    backend.copyOnDevice(into, from, floats * sizeof(float));
  };
  zeros.resize(tail);
  step.tail ? before(rows, step.tail, tail) : backend.copyIn(rows, zeros.data(), tail * sizeof(float));
  before(rows + tail, step.inputs, step.again * channels);
  before(decay, step.decay, step.again * heads);
  before(strength, step.strength, step.again * heads);
  const float* from = of.normsBefore ? normed : x;
  const std::array products{productOf(layer.of(Role::RecurrentInput), from, rows + tail + step.again * channels, tokens, {}),
                            productOf(layer.of(Role::RecurrentGate), from, gate, tokens, {}),
                            productOf(layer.of(Role::RecurrentDecay), from, decay + step.again * heads, tokens, {}),
                            productOf(layer.of(Role::RecurrentStrength), from, strength + step.again * heads, tokens, {})};
  DELTASCOPE_TRY(multiply(of, normOf(x, normed, layer.vector(Role::InputNorm), tokens), products));
  const VectorRef convolution = layer.vector(Role::Convolution);
  const std::uint32_t all = step.again + tokens;
  DELTASCOPE_TRY(fromBackend(backend.convolve(
      {rows, convolution.data, convolution.type, at(layout.mixed), all, static_cast<std::uint32_t>(channels), net.kernel})));
  kernels::DeltaRuleArgs args;
  args.mixed = at(layout.mixed);
  args.decay = decay;
  args.strength = strength;
  args.gates = at(layout.gates);
  args.rate = layer.vector(Role::DecayRate).data;
  args.rateType = layer.vector(Role::DecayRate).type;
  args.bias = layer.vector(Role::DecayBias).data;
  args.biasType = layer.vector(Role::DecayBias).type;
  args.from = step.from;
  args.into = step.into;
  args.kept = step.kept;
  args.out = normed;
  args.tokens = all;
  args.again = step.again;
  args.keepAfter = step.keepAfter;
  args.keyHeads = net.keyHeads;
  args.valueHeads = net.valueHeads;
  args.keyDim = net.keyDim;
  args.valueDim = net.valueDim;
  DELTASCOPE_TRY(fromBackend(backend.deltaRule(args)));
  state.done(index, step, {rows, decay, strength}, tokens);
  const VectorRef norm = layer.vector(Role::RecurrentNorm);
  backend.rmsNorm({normed, normed, norm.data, norm.type, tokens * net.valueHeads, net.valueDim, config.rmsEpsilon, false});
  backend.siluMultiply({gate, normed, normed, tokens * net.values()});
  return join(of, productOf(layer.of(Role::RecurrentOutput), normed, x, tokens, {}), layer.vector(Role::AttentionNorm));
}

}  // namespace deltascope
