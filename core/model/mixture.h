// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The feed-forward block of a layer with experts: who reads which tokens, and what they give together. Internal to core/model.
#include <cstddef>
#include <stop_token>
#include <vector>

#include "core/model/activation_layout.h"
#include "core/model/weights.h"

namespace deltascope {

/// One product of a pass.
struct ProductOf {
  const kernels::Matrix& weight;
  const float* x;
  float* y;
  std::uint32_t tokens;
  VectorRef bias{};
  bool draft = false;
};
[[nodiscard]] kernels::MatmulArgs argsOf(const ProductOf& product);

/// Of the layers of one model, one after another. All that is borrowed outlives it; `memory` is where the layout's buffers lie,
/// on the backend's device.
class Mixture {
 public:
  Mixture(kernels::Backend& backend, const ModelConfig& config, const ActivationLayout& layout)
      : m_backend(backend), m_config(config), m_layout(layout) {}

  struct Pass {
    Weights& from;
    const LayerWeights& layer;
    std::uint32_t index;   ///< of the layer in the config
    std::uint32_t number;  ///< and in the whole model
    std::uint32_t tokens;
    std::byte* memory;
    bool draft;
    const std::stop_token& stop;
  };
  /// hidden += what the shared expert gives, then += what the chosen ones give, in the order of their numbers, whatever other
  /// tokens are in the pass; of `normed`, both in the layout. Corrupt, with the router named, where it gives no numbers.
  [[nodiscard]] Result<void> run(const Pass& pass);

 private:
  struct Gated;
  [[nodiscard]] float* at(const Pass& pass, std::uint64_t offset) const {
    return reinterpret_cast<float*>(pass.memory + offset);
  }
  [[nodiscard]] Result<void> addShared(const Pass& pass);
  [[nodiscard]] Result<void> runExpert(const Pass& pass, const ExpertWeights& expert, std::span<const std::uint32_t> chosenBy);
  [[nodiscard]] Result<void> apply(const Pass& pass, const Gated& block);
  [[nodiscard]] Result<void> multiply(const ProductOf& product);
  /// `branch`, a row each, times their weights, to these rows of `hidden`.
  void addRows(const Pass& pass, std::span<const std::uint32_t> rows, std::span<const float> weights);

  kernels::Backend& m_backend;
  const ModelConfig& m_config;
  const ActivationLayout& m_layout;
  std::vector<float> m_scores;         ///< of a router
  std::vector<std::uint32_t> m_every;  ///< token of a pass
};

}  // namespace deltascope
