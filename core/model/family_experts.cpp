// SPDX-License-Identifier: Apache-2.0
// Families with experts.
#include <cmath>
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

struct UsualExperts {
  std::uint32_t experts, width, chosen;
};

/// Of all layers with experts. Zero experts: there are none.
Result<FeedForwardConfig> readExperts(const Fields& fields, const ModelConfig& c, const UsualExperts& usual) {
  FeedForwardConfig block = c.layers.front().feedForward;
  DELTASCOPE_ASSIGN(block.experts, expertCount(fields, usual.experts));
  DELTASCOPE_ASSIGN(block.intermediate, fields.size("moe_intermediate_size", usual.width, kMostWidth));
  DELTASCOPE_ASSIGN(block.chosen, fields.size("num_experts_per_tok", usual.chosen, kMostExperts));
  DELTASCOPE_ASSIGN(block.sharesOfChosen, fields.flag("norm_topk_prob", false));
  if (!block.experts) return block;
  if (!block.intermediate) return fields.corrupt("moe_intermediate_size", "is 0");
  DELTASCOPE_TRY(checkExperts(fields, block, c.layers.size()));
  return block;
}

/// Of all layers, where they have the width of the dense blocks of other models.
Result<FeedForwardConfig> readLocalExperts(const Fields& fields, ModelConfig& c, std::uint32_t usual, std::uint32_t chosen) {
  FeedForwardConfig block = c.layers.front().feedForward;
  c.expertsField = "num_local_experts";
  c.expertWidthField = "intermediate_size";
  DELTASCOPE_ASSIGN(block.experts, expertCount(fields, usual));
  DELTASCOPE_ASSIGN(block.chosen, fields.size("num_experts_per_tok", chosen, kMostExperts));
  if (!block.experts) return fields.corrupt("num_local_experts", "is 0");
  DELTASCOPE_TRY(checkExperts(fields, block, c.layers.size()));
  return block;
}

Result<void> readShared(const Fields& fields, std::uint32_t usual, FeedForwardConfig& block) {
  DELTASCOPE_ASSIGN(block.shared, fields.size("shared_expert_intermediate_size", usual, kMostWidth));
  if (!block.shared) return fields.corrupt("shared_expert_intermediate_size", "is 0");
  block.sharedRouter = true;
  return {};
}

/// To every decoder_sparse_step-th layer that mlp_only_layers does not name.
Result<void> giveToSparse(const Fields& fields, const FeedForwardConfig& block, ModelConfig& c) {
  DELTASCOPE_ASSIGN(const std::uint32_t step, fields.size("decoder_sparse_step", 1, kMostLayers));
  if (!step) return fields.corrupt("decoder_sparse_step", "is 0");
  DELTASCOPE_ASSIGN(const auto dense, denseLayers(fields, c.layers.size()));
  for (std::size_t i = 0; block.experts > 0 && i < c.layers.size(); ++i)
    if (!dense[i] && (i + 1) % step == 0) c.layers[i].feedForward = block;
  return {};
}

}  // namespace

/// transformers' Qwen2MoeDecoderLayer.
Result<void> finishQwen2Moe(const Fields& fields, ModelConfig& c) {
  constexpr std::uint32_t kUsualShared = 5632;
  DELTASCOPE_ASSIGN(FeedForwardConfig block, readExperts(fields, c, {60, 1408, 4}));
  if (block.experts > 0) DELTASCOPE_TRY(readShared(fields, kUsualShared, block));
  return giveToSparse(fields, block, c);
}

/// transformers' Qwen3MoeDecoderLayer.
Result<void> finishQwen3Moe(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(const FeedForwardConfig block, readExperts(fields, c, {128, 768, 8}));
  return giveToSparse(fields, block, c);
}

/// transformers' Qwen3_5MoeSparseMoeBlock, in every layer of a Qwen3.5.
Result<void> finishQwen3_5Moe(const Fields& fields, ModelConfig& c) {
  constexpr std::uint32_t kUsualShared = 512;
  DELTASCOPE_ASSIGN(FeedForwardConfig block, readExperts(fields, c, {256, 512, 8}));
  if (!block.experts) return fields.corrupt("num_experts", "is 0");
  block.sharesOfChosen = true;
  DELTASCOPE_TRY(readShared(fields, kUsualShared, block));
  for (auto& layer : c.layers) layer.feedForward = block;
  return finishQwen3_5(fields, c);
}

/// transformers' GptOssMLP and GptOssAttention, in every layer.
Result<void> finishGptOss(const Fields& fields, ModelConfig& c) {
  constexpr double kUsualSlope = 1.702, kUsualLimit = 7;
  DELTASCOPE_ASSIGN(FeedForwardConfig block, readLocalExperts(fields, c, 128, 4));
  DELTASCOPE_ASSIGN(const double slope, fields.number("swiglu_alpha", kUsualSlope));
  DELTASCOPE_ASSIGN(const double limit, fields.number("swiglu_limit", kUsualLimit));
  block.clampedSlope = static_cast<float>(slope);
  block.clampedAt = static_cast<float>(limit);
  if (!std::isfinite(block.clampedSlope)) return fields.corrupt("swiglu_alpha", "is too large");
  if (!(block.clampedAt > 0 && std::isfinite(block.clampedAt)))
    return fields.corrupt("swiglu_limit", "is not a number above 0");
  block.sharesOfChosen = block.routerBias = block.bias = true;
  block.stacked = block.fused = block.transposed = true;
  for (auto& layer : c.layers) {
    layer.feedForward = block;
    layer.attention.sinks = true;
  }
  return {};
}

/// transformers' MixtralSparseMoeBlock, in every layer.
Result<void> finishMixtral(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(FeedForwardConfig block, readLocalExperts(fields, c, 8, 2));
  block.sharesOfChosen = true;
  for (auto& layer : c.layers) layer.feedForward = block;
  return {};
}

}  // namespace deltascope
