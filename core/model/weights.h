// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The weights a model needs, and what a forward pass takes of them.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/roles.h"
#include "kernels/backend.h"

namespace deltascope {

struct WeightSpec {
  WeightRole role = WeightRole::Embedding;
  std::uint32_t layer = 0;              ///< 0 for roles outside the layers
  std::optional<std::uint32_t> expert;  ///< of the layer; empty where it is not of one
  std::string name;                     ///< "model.layers.3.self_attn.q_proj.weight"; in a Variant as the files have it
  std::string own;                      ///< as the family's own class has it
  std::vector<std::uint64_t> shape;     ///< of this weight, as it lies
  /// So many weights of this shape follow each other in the tensor `name`, this one at place `expert`; 0: the tensor is the
  /// weight.
  std::uint32_t stack = 0;
  bool transposed = false;  ///< it lies as [columns, rows] of the matrix that it is

  /// Of the tensor.
  [[nodiscard]] std::vector<std::uint64_t> storedShape() const;
  /// The name, and which of a stack: "model.layers.3.mlp.experts.down_proj[7]".
  [[nodiscard]] std::string label() const;
};

/// In the order of a forward pass. A tied model has no Head.
[[nodiscard]] std::vector<WeightSpec> weightsOf(const ModelConfig& config);
/// The tensors that hold them, each once.
struct StoredWeight {
  std::string name;
  std::vector<std::uint64_t> shape;
  WeightRole role = WeightRole::Embedding;
  std::uint32_t layer = 0;
};
[[nodiscard]] std::vector<StoredWeight> storedWeightsOf(const ModelConfig& config);
/// Which field of config.json a weight of this shape contradicts: "vocab_size is 272 there, 273 here". Empty where the shapes
/// agree, or differ in their number of dimensions.
[[nodiscard]] std::string contradiction(const ModelConfig& config, const WeightSpec& spec,
                                        const std::vector<std::uint64_t>& shape);

/// A vector on the device; null where the layer has none.
struct VectorRef {
  const void* data = nullptr;
  kernels::ElementType type = kernels::ElementType::F32;
};

/// The weights of one layer by role, borrowed from where they came. A vector is a matrix of one row.
class LayerWeights {
 public:
  [[nodiscard]] kernels::Matrix& of(WeightRole role) { return m_weights[static_cast<std::size_t>(role)]; }
  [[nodiscard]] const kernels::Matrix& of(WeightRole role) const { return m_weights[static_cast<std::size_t>(role)]; }
  [[nodiscard]] VectorRef vector(WeightRole role) const { return {of(role).elements, of(role).type}; }

 private:
  std::array<kernels::Matrix, kWeightRoles> m_weights;
};

/// The weights of one expert.
struct ExpertWeights {
  kernels::Matrix gate, up, down;  ///< gate holds up too where they are one matrix
  VectorRef gateBias, upBias, downBias;
};

/// Hands out weights to a forward pass, layer by layer in ascending order. Virtual: the forward pass must not know placements.
class Weights {
 public:
  virtual ~Weights() = default;
  /// Valid until layer `index` + 2 is asked for, or the pass ends. Never null.
  [[nodiscard]] virtual Result<const LayerWeights*> layer(std::uint32_t index) = 0;
  /// Of the layer that was asked for last; experts in any order, those that no token chose not at all. Valid as the layer.
  [[nodiscard]] virtual Result<const ExpertWeights*> expert(std::uint32_t layer, std::uint32_t index) = 0;
  /// Those that will be asked for, ascending, before the first of them is.
  virtual void choose(std::uint32_t /*layer*/, std::span<const std::uint32_t> /*experts*/) {}
  [[nodiscard]] virtual Result<kernels::Matrix> embedding() = 0;
  [[nodiscard]] virtual Result<VectorRef> finalNorm() = 0;
  /// Of another role outside the layers, as its user reads it: rows that are looked up, a product's matrix, a vector.
  [[nodiscard]] virtual Result<kernels::Matrix> outside(WeightRole role) = 0;
  [[nodiscard]] virtual Result<kernels::Matrix> head() = 0;
  /// Whether every pass gets the same weights, resident and where they were: then a device may record what is done with them.
  [[nodiscard]] virtual bool repeatable() const { return false; }
};

}  // namespace deltascope
