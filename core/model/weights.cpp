// SPDX-License-Identifier: Apache-2.0
#include "core/model/weights.h"

#include <array>

namespace deltascope {
namespace {

/// What a dimension of a weight is.
enum class Size : std::uint8_t { None, Hidden, Queries, Keys, Intermediate, Vocabulary, HeadDim };

struct Row {
  WeightRole role;
  const char* name;  ///< after "model.layers.N."; outside the layers the whole name
  Size rows, columns;
  bool ModelConfig::*needs;  ///< null: every model has it
};

// In the order of a forward pass.
constexpr std::array<Row, 18> kLayerRows{{
    {WeightRole::InputNorm, "input_layernorm.weight", Size::Hidden, Size::None, nullptr},
    {WeightRole::Query, "self_attn.q_proj.weight", Size::Queries, Size::Hidden, nullptr},
    {WeightRole::QueryBias, "self_attn.q_proj.bias", Size::Queries, Size::None, &ModelConfig::qkvBias},
    {WeightRole::Key, "self_attn.k_proj.weight", Size::Keys, Size::Hidden, nullptr},
    {WeightRole::KeyBias, "self_attn.k_proj.bias", Size::Keys, Size::None, &ModelConfig::qkvBias},
    {WeightRole::Value, "self_attn.v_proj.weight", Size::Keys, Size::Hidden, nullptr},
    {WeightRole::ValueBias, "self_attn.v_proj.bias", Size::Keys, Size::None, &ModelConfig::qkvBias},
    {WeightRole::QueryNorm, "self_attn.q_norm.weight", Size::HeadDim, Size::None, &ModelConfig::qkNorm},
    {WeightRole::KeyNorm, "self_attn.k_norm.weight", Size::HeadDim, Size::None, &ModelConfig::qkNorm},
    {WeightRole::Output, "self_attn.o_proj.weight", Size::Hidden, Size::Queries, nullptr},
    {WeightRole::OutputBias, "self_attn.o_proj.bias", Size::Hidden, Size::None, &ModelConfig::outputBias},
    {WeightRole::PostNorm, "post_attention_layernorm.weight", Size::Hidden, Size::None, nullptr},
    {WeightRole::Gate, "mlp.gate_proj.weight", Size::Intermediate, Size::Hidden, nullptr},
    {WeightRole::GateBias, "mlp.gate_proj.bias", Size::Intermediate, Size::None, &ModelConfig::mlpBias},
    {WeightRole::Up, "mlp.up_proj.weight", Size::Intermediate, Size::Hidden, nullptr},
    {WeightRole::UpBias, "mlp.up_proj.bias", Size::Intermediate, Size::None, &ModelConfig::mlpBias},
    {WeightRole::Down, "mlp.down_proj.weight", Size::Hidden, Size::Intermediate, nullptr},
    {WeightRole::DownBias, "mlp.down_proj.bias", Size::Hidden, Size::None, &ModelConfig::mlpBias},
}};
constexpr Row kEmbeddingRow{WeightRole::Embedding, "model.embed_tokens.weight", Size::Vocabulary, Size::Hidden, nullptr};
constexpr Row kNormRow{WeightRole::FinalNorm, "model.norm.weight", Size::Hidden, Size::None, nullptr};
constexpr Row kHeadRow{WeightRole::Head, "lm_head.weight", Size::Vocabulary, Size::Hidden, nullptr};

std::uint64_t sizeOf(const ModelConfig& c, Size size) {
  switch (size) {
    case Size::Hidden:
      return c.hidden;
    case Size::Queries:
      return std::uint64_t{c.heads} * c.headDim;
    case Size::Keys:
      return std::uint64_t{c.kvHeads} * c.headDim;
    case Size::Intermediate:
      return c.intermediate;
    case Size::Vocabulary:
      return c.vocabulary;
    case Size::HeadDim:
      return c.headDim;
    case Size::None:
      break;
  }
  return 0;
}

/// The field that gives a size, as transformers names it.
const char* fieldOf(Size size) {
  switch (size) {
    case Size::Hidden:
      return "hidden_size";
    case Size::Queries:
      return "num_attention_heads × head_dim";
    case Size::Keys:
      return "num_key_value_heads × head_dim";
    case Size::Intermediate:
      return "intermediate_size";
    case Size::Vocabulary:
      return "vocab_size";
    case Size::HeadDim:
      return "head_dim";
    case Size::None:
      break;
  }
  return "";
}

const Row* rowOf(WeightRole role) {
  for (const Row* row : {&kEmbeddingRow, &kNormRow, &kHeadRow})
    if (row->role == role) return row;
  for (const auto& row : kLayerRows)
    if (row.role == role) return &row;
  return nullptr;
}

WeightSpec specOf(const ModelConfig& config, const Row& row, std::uint32_t layer, const std::string& prefix) {
  WeightSpec spec{row.role, layer, prefix + row.name, prefix + row.name, {sizeOf(config, row.rows)}};
  if (row.columns != Size::None) spec.shape.push_back(sizeOf(config, row.columns));
  return spec;
}

}  // namespace

std::vector<WeightSpec> weightsOf(const ModelConfig& config) {
  std::vector<WeightSpec> specs{specOf(config, kEmbeddingRow, 0, {})};
  for (std::uint32_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    for (const auto& row : kLayerRows)
      if (!row.needs || config.*row.needs) specs.push_back(specOf(config, row, layer, prefix));
  }
  specs.push_back(specOf(config, kNormRow, 0, {}));
  if (!config.tiedEmbeddings) specs.push_back(specOf(config, kHeadRow, 0, {}));
  return specs;
}

std::string headName() { return kHeadRow.name; }
std::string embeddingName() { return kEmbeddingRow.name; }

std::string contradiction(const ModelConfig& config, const WeightSpec& spec, const std::vector<std::uint64_t>& shape) {
  const Row* row = rowOf(spec.role);
  if (!row || shape.size() != spec.shape.size()) return {};
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const Size size = d == 0 ? row->rows : row->columns;
    if (shape[d] != sizeOf(config, size))
      return fieldOf(size) + (" is " + std::to_string(sizeOf(config, size))) + " there, " + std::to_string(shape[d]) + " here";
  }
  return {};
}

bool isMatrix(WeightRole role) {
  switch (role) {
    case WeightRole::Embedding:
    case WeightRole::Query:
    case WeightRole::Key:
    case WeightRole::Value:
    case WeightRole::Output:
    case WeightRole::Gate:
    case WeightRole::Up:
    case WeightRole::Down:
    case WeightRole::Head:
      return true;
    default:
      return false;
  }
}

}  // namespace deltascope
