// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Weights by the places where a forward pass takes them. Internal to core/runtime.
#include <vector>

#include "core/model/weights.h"

namespace deltascope {

struct Arrangement {
  std::vector<LayerWeights> layers;
  std::vector<std::vector<ExpertWeights>> experts;  ///< by layer; empty where it has none
  kernels::Matrix embedding, head;
  VectorRef finalNorm;
  LayerWeights outside;  ///< what else stands outside the layers

  explicit Arrangement(const ModelConfig& config);
  void put(const WeightSpec& spec, const kernels::Matrix& weight);
};

/// Weights that stay where they are, whatever pass takes them.
class ArrangedWeights final : public Weights {
 public:
  explicit ArrangedWeights(Arrangement weights) : m_weights(std::move(weights)) {}
  [[nodiscard]] Result<const LayerWeights*> layer(std::uint32_t index) override { return &m_weights.layers[index]; }
  [[nodiscard]] Result<const ExpertWeights*> expert(std::uint32_t layer, std::uint32_t index) override {
    return &m_weights.experts[layer][index];
  }
  [[nodiscard]] Result<kernels::Matrix> embedding() override { return m_weights.embedding; }
  [[nodiscard]] Result<VectorRef> finalNorm() override { return m_weights.finalNorm; }
  [[nodiscard]] Result<kernels::Matrix> outside(WeightRole role) override { return m_weights.outside.of(role); }
  [[nodiscard]] Result<kernels::Matrix> head() override { return m_weights.head; }
  [[nodiscard]] bool repeatable() const override { return true; }

 private:
  Arrangement m_weights;
};

}  // namespace deltascope
