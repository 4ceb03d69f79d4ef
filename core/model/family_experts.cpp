// SPDX-License-Identifier: Apache-2.0
// Families with experts.
#include <nlohmann/json.hpp>

#include "core/model/config.h"
#include "core/model/family.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kMostExperts = 4096, kMostExpertsOfAll = 1u << 17, kMostLayers = 4096, kMostWidth = 1u << 20;

/// num_experts is an alias of num_local_experts in both families.
Result<std::uint32_t> expertCount(const Fields& fields, std::uint32_t usual) {
  DELTASCOPE_ASSIGN(const std::uint32_t local, fields.size("num_local_experts", usual, kMostExperts));
  DELTASCOPE_ASSIGN(const std::uint32_t experts, fields.size("num_experts", local, kMostExperts));
  if (experts != local && fields.has("num_local_experts"))
    return fields.corrupt("num_experts", "is not num_local_experts, which is there too");
  return experts;
}

Result<void> checkExperts(const Fields& fields, const FeedForwardConfig& block, std::size_t layers) {
  if (!block.chosen || block.chosen > block.experts)
    return fields.corrupt("num_experts_per_tok",
                          "is not between 1 and the number of experts, " + std::to_string(block.experts));
  if (std::uint64_t{block.experts} * layers > kMostExpertsOfAll)
    return fields.corrupt("num_experts", "times num_hidden_layers is too large");
  return {};
}

/// Layers that config.json names as dense.
Result<std::vector<bool>> denseLayers(const Fields& fields, std::size_t layers) {
  std::vector<bool> dense(layers, false);
  const auto* only = fields.find("mlp_only_layers");
  if (!only) return dense;
  if (!only->is_array()) return fields.corrupt("mlp_only_layers", "is not a list");
  for (const auto& layer : *only) {
    if (!layer.is_number_unsigned()) return fields.corrupt("mlp_only_layers", "has an entry that is no layer's number");
    if (const auto index = layer.get<std::uint64_t>(); index < dense.size()) dense[index] = true;
  }
  return dense;
}

}  // namespace

/// transformers' Qwen3MoeDecoderLayer: every decoder_sparse_step-th layer that mlp_only_layers does not name.
Result<void> finishQwen3Moe(const Fields& fields, ModelConfig& c) {
  constexpr std::uint32_t kUsualExperts = 128, kUsualWidth = 768, kUsualChosen = 8;
  FeedForwardConfig block = c.layers.front().feedForward;
  DELTASCOPE_ASSIGN(block.experts, expertCount(fields, kUsualExperts));
  DELTASCOPE_ASSIGN(const std::uint32_t step, fields.size("decoder_sparse_step", 1, kMostLayers));
  if (!step) return fields.corrupt("decoder_sparse_step", "is 0");
  DELTASCOPE_ASSIGN(block.intermediate, fields.size("moe_intermediate_size", kUsualWidth, kMostWidth));
  DELTASCOPE_ASSIGN(block.chosen, fields.size("num_experts_per_tok", kUsualChosen, kMostExperts));
  DELTASCOPE_ASSIGN(block.sharesOfChosen, fields.flag("norm_topk_prob", false));
  if (!block.experts) return {};
  if (!block.intermediate) return fields.corrupt("moe_intermediate_size", "is 0");
  DELTASCOPE_TRY(checkExperts(fields, block, c.layers.size()));
  DELTASCOPE_ASSIGN(const auto dense, denseLayers(fields, c.layers.size()));
  for (std::size_t i = 0; i < c.layers.size(); ++i)
    if (!dense[i] && (i + 1) % step == 0) c.layers[i].feedForward = block;
  return {};
}

/// transformers' MixtralSparseMoeBlock, in every layer.
Result<void> finishMixtral(const Fields& fields, ModelConfig& c) {
  constexpr std::uint32_t kUsualExperts = 8, kUsualChosen = 2;
  FeedForwardConfig block = c.layers.front().feedForward;
  block.sharesOfChosen = true;
  c.expertsField = "num_local_experts";
  c.expertWidthField = "intermediate_size";
  DELTASCOPE_ASSIGN(block.experts, expertCount(fields, kUsualExperts));
  DELTASCOPE_ASSIGN(block.chosen, fields.size("num_experts_per_tok", kUsualChosen, kMostExperts));
  if (!block.experts) return fields.corrupt("num_local_experts", "is 0");
  DELTASCOPE_TRY(checkExperts(fields, block, c.layers.size()));
  for (auto& layer : c.layers) layer.feedForward = block;
  return {};
}

}  // namespace deltascope
