// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/base/failure.h"
#include "core/model/transformer_state.h"

namespace deltascope {
namespace {

using Role = WeightRole;

}  // namespace

kernels::RmsNormArgs Transformer::State::normOf(const float* x, float* y, VectorRef weight, std::uint32_t rows) const {
  return {x, y, weight.data, weight.type, rows, config.hidden, config.rmsEpsilon, config.addedNorms};
}

kernels::MatmulArgs Transformer::State::productOf(const kernels::Matrix& weight, const float* x, float* y, std::uint32_t tokens,
                                                  VectorRef bias) const {
  return argsOf({weight, x, y, tokens, bias, drafting});
}

std::size_t Transformer::State::anglesBefore(std::size_t rope, std::uint32_t tokens) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < rope; ++i) count += std::size_t{config.ropes[i].dimensions / 2} * tokens;
  return count;
}

void Transformer::State::setAngles(const KvCache& cache, std::uint32_t tokens) {
  cosine.resize(anglesBefore(angles.size(), tokens));
  sine.resize(cosine.size());
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const std::size_t first = anglesBefore(i, tokens), count = anglesBefore(i + 1, tokens) - first;
    angles[i].compute(cache.length(), cache.promptLength(), std::span(cosine).subspan(first, count),
                      std::span(sine).subspan(first, count));
  }
  backend.copyIn(at(layout.cosine), cosine.data(), cosine.size() * sizeof(float));
  backend.copyIn(at(layout.sine), sine.data(), sine.size() * sizeof(float));
}

Result<void> Transformer::State::attend(const LayerWeights& layer, std::uint32_t index, const KvCache& cache,
                                        std::uint32_t tokens) {
  const LayerConfig& of = config.layers[index];
  const AttentionConfig& attention = of.attention;
  float *x = at(layout.hidden), *normed = at(layout.normed), *query = at(layout.query), *key = at(layout.key);
  const float* from = of.normsBefore ? normed : x;
  const bool several = attention.fused || attention.outputGate;  // in one matrix
  const std::array products{productOf(layer, Role::Query, from, several ? at(layout.fused) : query, tokens, Role::QueryBias),
                            productOf(layer, Role::Key, from, key, tokens, Role::KeyBias),
                            productOf(layer, Role::Value, from, at(layout.value), tokens, Role::ValueBias)};
  const std::size_t own = attention.fused || attention.keysOf ? 1 : attention.valuesAreKeys ? 2 : products.size();
  DELTASCOPE_TRY(multiply(of, normOf(x, normed, layer.vector(Role::InputNorm), tokens), std::span(products).first(own)));
  const std::uint64_t headDim = attention.headDim, keys = attention.kvHeads * headDim;
  if (attention.fused) split(tokens, {{query, attention.heads * headDim}, {key, keys}, {at(layout.value), keys}});
  if (attention.outputGate) splitHeads(attention, tokens);
  if (attention.wholeNorm) {
    for (const auto& [heads, weight, count] : {std::tuple(query, layer.vector(Role::QueryNorm), attention.heads),
                                               std::tuple(key, layer.vector(Role::KeyNorm), attention.kvHeads)})
      backend.rmsNorm(
          {heads, heads, weight.data, weight.type, tokens, count * attention.headDim, config.rmsEpsilon, config.addedNorms});
  }
  if (attention.valuesAreKeys) backend.copyOnDevice(at(layout.value), key, tokens * keys * sizeof(float));
  if (attention.valueNorm && !attention.keysOf) {
    float* const value = at(layout.value);
    const std::uint32_t heads = tokens * attention.kvHeads;
    backend.rmsNorm({value, value, nullptr, kernels::ElementType::F32, heads, attention.headDim, config.rmsEpsilon, false});
  }
  kernels::AttendArgs args;
  args.q = query;
  args.k = attention.keysOf ? nullptr : key;
  args.v = at(layout.value);
  if (attention.headNorm) {
    args.queryNorm = layer.vector(Role::QueryNorm).data;
    args.keyNorm = layer.vector(Role::KeyNorm).data;
    args.normType = layer.vector(Role::QueryNorm).type;
  }
  args.epsilon = config.rmsEpsilon;
  args.addOne = config.addedNorms;
  if (const std::uint32_t turn = config.ropes[attention.rope].dimensions; turn < attention.headDim) args.rotated = turn;
  if (attention.rotates) {
    args.cosine = at(layout.cosine) + anglesBefore(attention.rope, tokens);
    args.sine = at(layout.sine) + anglesBefore(attention.rope, tokens);
  }
  args.cache = cache.layer(index, device);
  args.out = normed;
  args.next = &layer.of(Role::Output);
  args.tokens = tokens;
  args.firstPosition = cache.length();
  args.heads = attention.heads;
  args.window = attention.window;
  args.scale = attention.scale > 0 ? attention.scale : 1.0f / std::sqrt(static_cast<float>(attention.headDim));
  args.softCap = attention.softCap;
  if (attention.sinks) {
    constexpr std::uint32_t kRow = 0;
    DELTASCOPE_TRY(fromBackend(backend.gatherRows({layer.of(Role::Sinks), &kRow, 1, at(layout.sinks)})));
    args.sinks = at(layout.sinks);
  }
  DELTASCOPE_TRY(fromBackend(backend.attend(args)));
  if (attention.outputGate)
    DELTASCOPE_TRY(fromBackend(
        backend.sigmoidMultiply({at(layout.gate), normed, normed, std::uint64_t{tokens} * attention.heads * headDim})));
  return join(of, productOf(layer, Role::Output, normed, x, tokens, Role::OutputBias), layer.vector(Role::AttentionNorm));
}

Result<void> Transformer::State::multiply(const LayerConfig& of, const kernels::RmsNormArgs& norm,
                                          std::span<const kernels::MatmulArgs> products) {
  if (of.normsBefore) return fromBackend(backend.normedMatmul(norm, products));
  for (const auto& product : products) DELTASCOPE_TRY(fromBackend(backend.matmul(product)));
  return {};
}

void Transformer::State::split(std::uint32_t tokens, std::initializer_list<Part> parts) {
  const float* from = at(layout.fused);
  std::uint64_t stride = 0;
  for (const auto& part : parts) stride += part.width;
  for (const auto& [into, width] : parts) {
    backend.copyRows({into, from, tokens, width, stride});
    from += width;
  }
}

/// Of each head's query and gate, which one row holds, all queries and all gates.
void Transformer::State::splitHeads(const AttentionConfig& attention, std::uint32_t tokens) {
  const float* from = at(layout.fused);
  const std::uint64_t headDim = attention.headDim, heads = std::uint64_t{tokens} * attention.heads;
  backend.copyRows({at(layout.query), from, heads, headDim, 2 * headDim});
  backend.copyRows({at(layout.gate), from + headDim, heads, headDim, 2 * headDim});
}

Result<void> Transformer::State::join(const LayerConfig& of, kernels::MatmulArgs product, VectorRef norm) {
  product.accumulate = !of.normsAfter && isOne(config.residualScale);
  if (product.accumulate) return fromBackend(backend.matmul(product));
  product.y = at(layout.branch);
  DELTASCOPE_TRY(fromBackend(backend.matmul(product)));
  if (of.normsAfter) backend.rmsNorm(normOf(product.y, product.y, norm, product.tokens));
  const std::uint64_t count = std::uint64_t{product.tokens} * config.hidden;
  return fromBackend(backend.addScaled({product.y, at(layout.hidden), count, config.residualScale}));
}

Result<void> Transformer::State::feedForward(const LayerWeights& layer, std::uint32_t index, std::uint32_t tokens) {
  const LayerConfig& of = config.layers[index];
  float *x = at(layout.hidden), *normed = at(layout.normed), *gate = at(layout.gate), *up = at(layout.up);
  const float* from = of.normsBefore ? normed : x;
  const auto norm = normOf(x, normed, layer.vector(Role::PostNorm), tokens);
  const FeedForwardConfig& block = of.feedForward;
  const std::array products{productOf(layer, Role::Gate, from, block.fused ? at(layout.fused) : gate, tokens, Role::GateBias),
                            productOf(layer, Role::Up, from, up, tokens, Role::UpBias)};
  if (of.normsBefore && !block.gelu && !block.fused) {
    DELTASCOPE_TRY(fromBackend(backend.gatedMatmul(norm, products[0], products[1])));
  } else {
    DELTASCOPE_TRY(multiply(of, norm, std::span(products).first(block.fused ? 1 : products.size())));
    if (block.fused) split(tokens, {{gate, block.intermediate}, {up, block.intermediate}});
    const kernels::GateMultiplyArgs args{gate, up, gate, std::uint64_t{tokens} * block.intermediate};
    if (block.gelu)
      DELTASCOPE_TRY(fromBackend(backend.geluMultiply(args)));
    else
      backend.siluMultiply(args);
  }
  return join(of, productOf(layer, Role::Down, gate, x, tokens, Role::DownBias), layer.vector(Role::BlockNorm));
}

Result<void> Transformer::State::mixExperts(Weights& from, const LayerWeights& layer, std::uint32_t index, std::uint32_t tokens,
                                            const std::stop_token& stop) {
  backend.rmsNorm(normOf(at(layout.hidden), at(layout.normed), layer.vector(Role::PostNorm), tokens));
  return mixture.run({from, layer, index, numbers[index], tokens, memory.as<std::byte>(), drafting, stop});
}

/// Logits after the last `rows` tokens.
Result<void> Transformer::State::readOut(Weights& from, std::uint32_t tokens, std::uint32_t rows) {
  DELTASCOPE_ASSIGN(const VectorRef finalNorm, from.finalNorm());
  DELTASCOPE_ASSIGN(const kernels::Matrix head, from.head());
  const float* last = at(layout.hidden) + std::size_t{tokens - rows} * config.hidden;
  const auto product = productOf(head, at(layout.normed), at(layout.logits), rows, {});
  DELTASCOPE_TRY(fromBackend(backend.normedMatmul(normOf(last, at(layout.normed), finalNorm, rows), std::span(&product, 1))));
  const std::uint64_t count = std::uint64_t{rows} * config.vocabulary;
  if (!isOne(config.logitScale)) DELTASCOPE_TRY(fromBackend(backend.scale({at(layout.logits), count, config.logitScale})));
  if (config.logitCap > 0) DELTASCOPE_TRY(fromBackend(backend.softCap({at(layout.logits), count, config.logitCap})));
  return {};
}

/// From the embedded tokens, or what the layers before gave, to what these give, or the logits. A token at a time is the same
/// again and again, so a device may record it, where it has all its layers in one stretch.
Result<void> Transformer::State::run(Weights& from, std::uint32_t tokens, KvCache& cache, Layers layers,
                                     const std::stop_token& stop) {
  kernels::PassArgs pass{tokens, cache.length(), 0};
  if (tokens == 1 && (layers.logitRows == 1 || !layers.last) && stretches == 1 && from.repeatable() && !hasExperts)
    pass.key = (drafting ? draftNumber : number) << 32 | cache.number();
  DELTASCOPE_ASSIGN(const bool done, fromBackend(backend.beginPass(pass)));
  if (done) return {};
  for (std::uint32_t i = layers.first; i < layers.end; ++i) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    DELTASCOPE_ASSIGN(const LayerWeights* layer, from.layer(i));
    const bool recurrent = config.layers[i].isRecurrent();
    DELTASCOPE_TRY(recurrent ? recur(*layer, i, cache, tokens) : attend(*layer, i, cache, tokens));
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const bool mixed = config.layers[i].feedForward.experts > 0;
    DELTASCOPE_TRY(mixed ? mixExperts(from, *layer, i, tokens, stop) : feedForward(*layer, i, tokens));
    if (config.layerInputs > 0) DELTASCOPE_TRY(addInputs(*layer, i, tokens));
    if (config.layers[i].scaled) DELTASCOPE_TRY(scaleLayer(*layer, tokens));
  }
  if (layers.last && layers.logitRows > 0) DELTASCOPE_TRY(readOut(from, tokens, layers.logitRows));
  return fromBackend(backend.endPass());
}

Transformer::Transformer(std::vector<std::unique_ptr<State>> devices) : m_devices(std::move(devices)) {
  std::vector<std::pair<std::uint32_t, Stretch>> all;  // layer by layer
  for (const auto& device : m_devices) {
    m_weights.push_back(&device->weights);
    for (std::uint32_t i = 0; i < device->numbers.size(); ++i) all.push_back({device->numbers[i], {device.get(), i, i + 1}});
  }
  std::ranges::sort(all, {}, [](const auto& layer) { return layer.first; });
  for (const auto& [number, layer] : all) {
    if (!m_stretches.empty() && m_stretches.back().device == layer.device) {
      m_stretches.back().end = layer.end;
    } else {
      m_stretches.push_back(layer);
      ++layer.device->stretches;
    }
  }
}
Transformer::Transformer(Transformer&&) noexcept = default;
Transformer& Transformer::operator=(Transformer&&) noexcept = default;
Transformer::~Transformer() = default;

std::uint64_t Transformer::activationBytes(const ModelConfig& config, std::uint32_t mostTokens, std::uint32_t mostLogits) {
  return ActivationLayout(config, mostTokens, mostLogits).bytes;
}

Result<Transformer> Transformer::create(std::span<const DeviceLayers> devices, std::uint32_t mostTokens,
                                        std::uint32_t mostLogits) {
  std::uint32_t layers = 0;
  for (const auto& device : devices) layers += static_cast<std::uint32_t>(device.numbers.size());
  std::vector<std::unique_ptr<State>> states;
  for (const auto& device : devices) {
    const bool readsOut = device.numbers.back() + 1 == layers;
    auto state =
        std::make_unique<State>(device, states.size(), std::max(1u, mostTokens), readsOut ? std::max(1u, mostLogits) : 0);
    DELTASCOPE_ASSIGN(state->memory, fromBackend(state->backend.allocate(state->layout.bytes, "the activations")));
    states.push_back(std::move(state));
  }
  return Transformer(std::move(states));
}

Result<void> Transformer::State::embed(Weights& from, std::span<const std::uint32_t> tokens) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  DELTASCOPE_ASSIGN(const kernels::Matrix embedding, from.embedding());
  DELTASCOPE_TRY(fromBackend(backend.gatherRows({embedding, tokens.data(), count, at(layout.hidden)})));
  if (!isOne(config.embeddingScale))
    DELTASCOPE_TRY(
        fromBackend(backend.scale({at(layout.hidden), std::uint64_t{count} * config.hidden, config.embeddingScale})));
  return config.layerInputs > 0 ? prepareInputs(from, tokens) : Result<void>();
}

Result<void> Transformer::check(std::span<const std::uint32_t> tokens, const KvCache& cache, std::size_t logits) const {
  const State& last = *m_stretches.back().device;
  const std::size_t vocabulary = last.config.vocabulary;
  if (tokens.empty() || tokens.size() > last.mostTokens)
    return fail(ErrorCode::InvalidArgument, std::to_string(tokens.size()) + " tokens in one pass; 1 to " +
                                                std::to_string(last.mostTokens) + " are possible");
  if (tokens.size() > cache.capacity() - cache.length())
    return fail(ErrorCode::InvalidArgument, "the context of " + std::to_string(cache.capacity()) + " tokens is full");
  for (const auto token : tokens)
    if (token >= vocabulary)
      return fail(ErrorCode::InvalidArgument,
                  "token id " + std::to_string(token) + " is outside the vocabulary of " + std::to_string(vocabulary));
  if (logits % vocabulary != 0 || logits / vocabulary > std::min<std::size_t>(last.mostLogits, tokens.size()))
    return fail(ErrorCode::Internal, "room for " + std::to_string(logits) + " logits");
  return {};
}

/// What one stretch gives is copied to the device of the next, through the host: a few KiB a token.
Result<void> Transformer::runStretch(const Stretch& stretch, std::span<const std::uint32_t> tokens, KvCache& cache,
                                     std::span<float> logits, const std::stop_token& stop, Weights& from) {
  State& device = *stretch.device;
  const auto count = static_cast<std::uint32_t>(tokens.size());
  const auto rows = static_cast<std::uint32_t>(logits.size() / device.config.vocabulary);
  const bool first = &stretch == &m_stretches.front(), last = &stretch == &m_stretches.back();
  float* const hidden = device.at(device.layout.hidden);
  m_handed.resize(std::size_t{count} * device.config.hidden);
  const std::uint64_t bytes = m_handed.size() * sizeof(float);
  device.drafting = &from != &device.weights;
  if (first)
    DELTASCOPE_TRY(device.embed(from, tokens));
  else
    device.backend.copyIn(hidden, m_handed.data(), bytes);
  if (stretch.first == 0) device.setAngles(cache, count);
  DELTASCOPE_TRY(device.run(from, count, cache, {stretch.first, stretch.end, last, rows}, stop));
  if (!last)
    device.backend.copyOut(m_handed.data(), hidden, bytes);
  else if (rows > 0)
    device.backend.copyOut(logits.data(), device.at(device.layout.logits), logits.size_bytes());
  return fromBackend(device.backend.synchronize());
}

Result<void> Transformer::pass(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                               const std::stop_token& stop, std::span<Weights* const> weights) {
  DELTASCOPE_TRY(check(tokens, cache, logits.size()));
  for (const Stretch& stretch : m_stretches) {
    auto done = runStretch(stretch, tokens, cache, logits, stop, *weights[stretch.device->device]);
    if (done) continue;
    Error error = std::move(done).error();
    if (m_devices.size() > 1 && (error.code == ErrorCode::Io || error.code == ErrorCode::OutOfMemory))
      error.message = stretch.device->backend.device().id + ": " + error.message;  // which of them
    return tl::make_unexpected(std::move(error));
  }
  cache.setLength(cache.length() + static_cast<std::uint32_t>(tokens.size()));
  return {};
}

Result<void> Transformer::forward(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                  const std::stop_token& stop) {
  return pass(tokens, cache, logits, stop, m_weights);
}

Result<void> Transformer::draft(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                const std::stop_token& stop, std::span<Weights* const> weights) {
  return pass(tokens, cache, logits, stop, weights);
}

bool Transformer::sameAngles(std::uint32_t promptLength, std::uint32_t otherPromptLength) const {
  return std::ranges::all_of(m_devices.front()->angles,
                             [&](const RopeAngles& angles) { return angles.sameFor(promptLength, otherPromptLength); });
}

}  // namespace deltascope
