// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a Transformer holds between passes, and the parts of a pass. Internal to core/model.
#include <atomic>
#include <initializer_list>

#include "core/model/mixture.h"
#include "core/model/transformer.h"

namespace deltascope {

/// Unlike any other's, dead ones included.
[[nodiscard]] inline std::uint64_t nextTransformer() {
  static std::atomic<std::uint32_t> number{0};
  return ++number;
}

struct Transformer::State {
  State(const DeviceLayers& of, std::size_t place, std::uint32_t tokens, std::uint32_t logits)
      : backend(*of.backend),
        device(place),
        numbers(of.numbers),
        config(*of.config),
        weights(*of.weights),
        mostTokens(tokens),
        mostLogits(logits),
        layout(config, tokens, logits),
        mixture(backend, config, layout) {
    for (const auto& rope : config.ropes) angles.emplace_back(rope);
    hasExperts = config.most([](const LayerConfig& l) { return l.feedForward.experts; }) > 0;
  }

  kernels::Backend& backend;
  const std::size_t device;                             ///< its place among several
  const std::vector<std::uint32_t> numbers;             ///< of its layers
  std::size_t stretches = 0;                            ///< in which it has them
  const std::uint64_t number = nextTransformer();       ///< unlike any other's, dead ones included
  const std::uint64_t draftNumber = nextTransformer();  ///< the same, of passes that draft
  bool hasExperts = false;                              ///< what is done in a pass depends on its tokens
  bool drafting = false;                                ///< what is computed only proposes tokens
  const ModelConfig config;
  Weights& weights;
  std::uint32_t mostTokens, mostLogits;
  ActivationLayout layout;
  std::vector<RopeAngles> angles;  ///< of each of the config's ropes
  Mixture mixture;
  std::vector<float> cosine, sine, zeros;
  kernels::Buffer memory;

  /// Of its own, and what comes after them.
  struct Layers {
    std::uint32_t first, end;
    bool last;                ///< no others follow, on any device
    std::uint32_t logitRows;  ///< of the pass
  };

  [[nodiscard]] kernels::MatmulArgs productOf(const kernels::Matrix& weight, const float* x, float* y, std::uint32_t tokens,
                                              VectorRef bias) const;
  [[nodiscard]] kernels::MatmulArgs productOf(const LayerWeights& layer, WeightRole weight, const float* x, float* y,
                                              std::uint32_t tokens, WeightRole bias) const {
    return productOf(layer.of(weight), x, y, tokens, layer.vector(bias));
  }
  [[nodiscard]] float* at(std::uint64_t offset) const { return reinterpret_cast<float*>(memory.as<std::byte>() + offset); }
  [[nodiscard]] kernels::RmsNormArgs normOf(const float* x, float* y, VectorRef weight, std::uint32_t rows) const;
  /// Of the ropes before this one, one after another.
  [[nodiscard]] std::size_t anglesBefore(std::size_t rope, std::uint32_t tokens) const;
  void setAngles(const KvCache& cache, std::uint32_t tokens);
  Result<void> attend(const LayerWeights& layer, std::uint32_t index, const KvCache& cache, std::uint32_t tokens);
  Result<void> recur(const LayerWeights& layer, std::uint32_t index, KvCache& cache, std::uint32_t tokens);
  /// What all layers get of the tokens besides, as [tokens, layers, layerInputs]; and one layer's part of it, added to hidden.
  Result<void> prepareInputs(Weights& from, std::span<const std::uint32_t> tokens);
  Result<void> addInputs(const LayerWeights& layer, std::uint32_t index, std::uint32_t tokens);
  Result<void> scaleLayer(const LayerWeights& layer, std::uint32_t tokens);
  /// Products of the norm, or of what it would be of where the layer has none there.
  Result<void> multiply(const LayerConfig& of, const kernels::RmsNormArgs& norm, std::span<const kernels::MatmulArgs> products);
  struct Part {
    float* into;  ///< [tokens, width]
    std::uint64_t width;
  };
  /// Of what one matrix gave, its parts.
  void split(std::uint32_t tokens, std::initializer_list<Part> parts);
  void splitHeads(const AttentionConfig& attention, std::uint32_t tokens);
  /// hidden += the product, after its norm where the layer has one.
  Result<void> join(const LayerConfig& of, kernels::MatmulArgs product, VectorRef norm);
  Result<void> feedForward(const LayerWeights& layer, std::uint32_t index, std::uint32_t tokens);
  Result<void> mixExperts(Weights& from, const LayerWeights& layer, std::uint32_t index, std::uint32_t tokens,
                          const std::stop_token& stop);
  Result<void> readOut(Weights& from, std::uint32_t tokens, std::uint32_t rows);
  Result<void> run(Weights& from, std::uint32_t tokens, KvCache& cache, Layers layers, const std::stop_token& stop);
  Result<void> embed(Weights& from, std::span<const std::uint32_t> tokens);
};

}  // namespace deltascope
