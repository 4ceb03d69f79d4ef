// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The weights a model needs, by role: names and shapes as Hugging Face writes them, and what a forward pass takes.
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/config.h"
#include "kernels/backend.h"

namespace deltascope {

enum class WeightRole : std::uint8_t {
  Embedding,  ///< [vocabulary, hidden]
  InputNorm,  ///< [hidden]
  Query,      ///< [heads · headDim, hidden]
  Key,        ///< [kvHeads · headDim, hidden]
  Value,
  Output,  ///< [hidden, heads · headDim]
  QueryBias,
  KeyBias,
  ValueBias,
  OutputBias,
  QueryNorm,  ///< [headDim]
  KeyNorm,
  PostNorm,  ///< [hidden]: before the feed-forward block
  Gate,      ///< [intermediate, hidden]
  Up,
  Down,  ///< [hidden, intermediate]
  GateBias,
  UpBias,
  DownBias,
  FinalNorm,  ///< [hidden]
  Head,       ///< [vocabulary, hidden]; the embedding where they are tied
};
inline constexpr std::size_t kWeightRoles = 21;

struct WeightSpec {
  WeightRole role = WeightRole::Embedding;
  std::uint32_t layer = 0;  ///< 0 for roles outside the layers
  std::string name;         ///< "model.layers.3.self_attn.q_proj.weight"; in a Variant as the files have it
  std::string own;          ///< as the family's own class has it
  std::vector<std::uint64_t> shape;
};

/// In the order of a forward pass. A tied model has no Head.
[[nodiscard]] std::vector<WeightSpec> weightsOf(const ModelConfig& config);
[[nodiscard]] std::string headName();       ///< "lm_head.weight"
[[nodiscard]] std::string embeddingName();  ///< "model.embed_tokens.weight"
/// Which field of config.json a weight of this shape contradicts: "vocab_size is 272 there, 273 here". Empty where the shapes
/// agree, or differ in their number of dimensions.
[[nodiscard]] std::string contradiction(const ModelConfig& config, const WeightSpec& spec,
                                        const std::vector<std::uint64_t>& shape);
[[nodiscard]] bool isMatrix(WeightRole role);

/// A vector on the device; null where the family has none.
struct VectorRef {
  const void* data = nullptr;
  kernels::ElementType type = kernels::ElementType::F32;
};

/// The weights of one layer, for one use. Borrowed from where they came.
struct LayerWeights {
  kernels::Matrix query, key, value, output, gate, up, down;
  VectorRef inputNorm, postNorm, queryNorm, keyNorm;
  VectorRef queryBias, keyBias, valueBias, outputBias, gateBias, upBias, downBias;
};

/// Hands out weights to a forward pass, layer by layer in ascending order. Virtual: the forward pass must not know placements.
class Weights {
 public:
  virtual ~Weights() = default;
  /// Valid until layer `index` + 2 is asked for, or the pass ends.
  [[nodiscard]] virtual Result<LayerWeights> layer(std::uint32_t index) = 0;
  [[nodiscard]] virtual Result<kernels::Matrix> embedding() = 0;
  [[nodiscard]] virtual Result<VectorRef> finalNorm() = 0;
  [[nodiscard]] virtual Result<kernels::Matrix> head() = 0;
  /// Whether every pass gets the same weights, resident and where they were: then a device may record what is done with them.
  [[nodiscard]] virtual bool repeatable() const { return false; }
};

}  // namespace deltascope
