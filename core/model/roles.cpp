// SPDX-License-Identifier: Apache-2.0
#include "core/model/roles.h"

#include <algorithm>

namespace deltascope {
namespace {

using Model = ModelConfig;
using Layer = LayerConfig;
using Role = WeightRole;

constexpr std::string_view kLayers = "model.layers.";

constexpr WeightSide kHidden{"hidden_size", [](const Model& m, const Layer&) { return std::uint64_t{m.hidden}; }};
constexpr WeightSide kVocabulary{"vocab_size", [](const Model& m, const Layer&) { return std::uint64_t{m.vocabulary}; }};
constexpr WeightSide kQueries{"num_attention_heads × head_dim", [](const Model&, const Layer& l) {
                                return std::uint64_t{l.attention.heads} * l.attention.headDim;
                              }};
constexpr WeightSide kQueryRows{"num_attention_heads × head_dim", [](const Model&, const Layer& l) {
                                  const std::uint64_t keys = l.attention.fused ? 2 * l.attention.kvHeads : 0;
                                  const std::uint64_t queries =
                                      std::uint64_t{l.attention.heads} * (l.attention.outputGate ? 2 : 1);
                                  return (queries + keys) * l.attention.headDim;
                                }};
constexpr WeightSide kQueryBias{"num_attention_heads × head_dim", [](const Model&, const Layer& l) {
                                  return std::uint64_t{l.attention.heads} * l.attention.headDim *
                                         (l.attention.outputGate ? 2 : 1);
                                }};
constexpr WeightSide kKeys{"num_key_value_heads × head_dim", [](const Model&, const Layer& l) {
                             return std::uint64_t{l.attention.kvHeads} * l.attention.headDim;
                           }};
constexpr WeightSide kQueryNorm{"head_dim", [](const Model&, const Layer& l) {
                                  return std::uint64_t{l.attention.wholeNorm ? l.attention.heads : 1} * l.attention.headDim;
                                }};
constexpr WeightSide kKeyNorm{"head_dim", [](const Model&, const Layer& l) {
                                return std::uint64_t{l.attention.wholeNorm ? l.attention.kvHeads : 1} * l.attention.headDim;
                              }};
constexpr WeightSide kIntermediate{"intermediate_size",
                                   [](const Model&, const Layer& l) { return std::uint64_t{l.feedForward.intermediate}; },
                                   &Model::expertWidthField};
constexpr WeightSide kShared{"shared_expert_intermediate_size",
                             [](const Model&, const Layer& l) { return std::uint64_t{l.feedForward.shared}; }};
constexpr WeightSide kHeads{"num_attention_heads",
                            [](const Model&, const Layer& l) { return std::uint64_t{l.attention.heads}; }};
constexpr WeightSide kOne{"", [](const Model&, const Layer&) { return std::uint64_t{1}; }};
constexpr WeightSide kGateRows{
    kIntermediate.field,
    [](const Model&, const Layer& l) { return std::uint64_t{l.feedForward.intermediate} * (l.feedForward.fused ? 2 : 1); },
    kIntermediate.fieldOfExperts};
constexpr WeightSide kExperts{"", [](const Model&, const Layer& l) { return std::uint64_t{l.feedForward.experts}; },
                              &Model::expertsField};

constexpr WeightSide kChannels{"linear_num_key_heads", [](const Model&, const Layer& l) { return l.recurrent.channels(); }};
constexpr WeightSide kValues{"linear_num_value_heads × linear_value_head_dim",
                             [](const Model&, const Layer& l) { return l.recurrent.values(); }};
constexpr WeightSide kValueHeads{"linear_num_value_heads",
                                 [](const Model&, const Layer& l) { return std::uint64_t{l.recurrent.valueHeads}; }};
constexpr WeightSide kValueDim{"linear_value_head_dim",
                               [](const Model&, const Layer& l) { return std::uint64_t{l.recurrent.valueDim}; }};
constexpr WeightSide kKernel{"linear_conv_kernel_dim",
                             [](const Model&, const Layer& l) { return std::uint64_t{l.recurrent.kernel}; }};

constexpr WeightSide kLayerVocabulary{"vocab_size_per_layer_input",
                                      [](const Model& m, const Layer&) { return std::uint64_t{m.layerVocabulary}; }};
constexpr WeightSide kInput{"hidden_size_per_layer_input",
                            [](const Model& m, const Layer&) { return std::uint64_t{m.layerInputs}; }};
constexpr WeightSide kAllInputs{"num_hidden_layers × hidden_size_per_layer_input",
                                [](const Model& m, const Layer&) { return std::uint64_t{m.layerInputs} * m.layerCount(); }};

constexpr auto kInputs = [](const Model& m, const Layer&) { return m.layerInputs > 0; };
constexpr auto kScaled = [](const Model&, const Layer& l) { return l.scaled; };
constexpr auto kRecurrent = [](const Model&, const Layer& l) { return l.isRecurrent(); };
constexpr auto kAttention = [](const Model&, const Layer& l) { return !l.isRecurrent(); };
constexpr auto kInputBias = [](const Model&, const Layer& l) { return l.attention.inputBias; };
constexpr auto kOwnKeys = [](const Model&, const Layer& l) {
  return !l.isRecurrent() && !l.attention.fused && !l.attention.keysOf;
};
constexpr auto kOwnValues = [](const Model& m, const Layer& l) { return kOwnKeys(m, l) && !l.attention.valuesAreKeys; };
constexpr auto kKeyBias = [](const Model& m, const Layer& l) { return kOwnKeys(m, l) && l.attention.inputBias; };
constexpr auto kValueBias = [](const Model& m, const Layer& l) { return kOwnValues(m, l) && l.attention.inputBias; };
constexpr auto kOwnUp = [](const Model&, const Layer& l) { return !l.feedForward.fused; };
constexpr auto kOutputBias = [](const Model&, const Layer& l) { return l.attention.outputBias; };
constexpr auto kNormsBefore = [](const Model&, const Layer& l) { return l.normsBefore; };
constexpr auto kNormsAfter = [](const Model&, const Layer& l) { return l.normsAfter; };
constexpr auto kHeadNorm = [](const Model&, const Layer& l) { return l.attention.headNorm || l.attention.wholeNorm; };
constexpr auto kOwnKeyNorm = [](const Model& m, const Layer& l) { return kHeadNorm(m, l) && !l.attention.keysOf; };
constexpr auto kMlpBias = [](const Model&, const Layer& l) { return l.feedForward.bias; };
constexpr auto kHasExperts = [](const Model&, const Layer& l) { return l.feedForward.experts > 0; };
constexpr auto kHasSinks = [](const Model&, const Layer& l) { return l.attention.sinks; };
constexpr auto kRouterBias = [](const Model&, const Layer& l) { return l.feedForward.experts > 0 && l.feedForward.routerBias; };
constexpr auto kHasShared = [](const Model&, const Layer& l) { return l.feedForward.shared > 0; };
constexpr auto kSharedRouter = [](const Model&, const Layer& l) {
  return l.feedForward.shared > 0 && l.feedForward.sharedRouter;
};
constexpr auto kUpBias = [](const Model&, const Layer& l) { return l.feedForward.bias && !l.feedForward.fused; };
constexpr auto kOwnHead = [](const Model& m, const Layer&) { return !m.tiedEmbeddings; };

// clang-format off
constexpr std::array<RoleRow, kWeightRoles> kRoles{{
    {Role::Embedding, false, "model.embed_tokens.weight", "embed", &kVocabulary, &kHidden, nullptr, false, false,
     {"wte", "tok_embeddings", "word_embeddings", "embed_in"}},
    {Role::LayerEmbedding, false, "model.embed_tokens_per_layer.weight", "layer embed", &kLayerVocabulary, &kAllInputs, kInputs},
    {Role::LayerProjection, false, "model.per_layer_model_projection.weight", "layer proj", &kAllInputs, &kHidden, kInputs},
    {Role::LayerProjectionNorm, false, "model.per_layer_projection_norm.weight", "norm", &kInput, nullptr, kInputs},
    {Role::InputNorm, true, "input_layernorm.weight", "norm", &kHidden, nullptr, kNormsBefore},
    {Role::RecurrentInput, true, "linear_attn.in_proj_qkv.weight", "qkv", &kChannels, &kHidden, kRecurrent},
    {Role::RecurrentGate, true, "linear_attn.in_proj_z.weight", "z", &kValues, &kHidden, kRecurrent},
    {Role::RecurrentStrength, true, "linear_attn.in_proj_b.weight", "b", &kValueHeads, &kHidden, kRecurrent},
    {Role::RecurrentDecay, true, "linear_attn.in_proj_a.weight", "a", &kValueHeads, &kHidden, kRecurrent},
    {Role::Convolution, true, "linear_attn.conv1d.weight", "conv", &kChannels, &kKernel, kRecurrent, false, true},
    {Role::DecayRate, true, "linear_attn.A_log", "A_log", &kValueHeads, nullptr, kRecurrent},
    {Role::DecayBias, true, "linear_attn.dt_bias", "dt_bias", &kValueHeads, nullptr, kRecurrent},
    {Role::RecurrentNorm, true, "linear_attn.norm.weight", "norm", &kValueDim, nullptr, kRecurrent},
    {Role::RecurrentOutput, true, "linear_attn.out_proj.weight", "o", &kHidden, &kValues, kRecurrent},
    {Role::Query, true, "self_attn.q_proj.weight", "q", &kQueryRows, &kHidden, kAttention, false, false, {"wq", "query"}},
    {Role::QueryBias, true, "self_attn.q_proj.bias", "q", &kQueryBias, nullptr, kInputBias},
    {Role::Key, true, "self_attn.k_proj.weight", "k", &kKeys, &kHidden, kOwnKeys, false, false, {"wk", "key"}},
    {Role::KeyBias, true, "self_attn.k_proj.bias", "k", &kKeys, nullptr, kKeyBias},
    {Role::Value, true, "self_attn.v_proj.weight", "v", &kKeys, &kHidden, kOwnValues, false, false, {"wv", "value"}},
    {Role::ValueBias, true, "self_attn.v_proj.bias", "v", &kKeys, nullptr, kValueBias},
    {Role::QueryNorm, true, "self_attn.q_norm.weight", "norm", &kQueryNorm, nullptr, kHeadNorm},
    {Role::KeyNorm, true, "self_attn.k_norm.weight", "norm", &kKeyNorm, nullptr, kOwnKeyNorm},
    {Role::Sinks, true, "self_attn.sinks", "sinks", &kHeads, nullptr, kHasSinks},
    {Role::Output, true, "self_attn.o_proj.weight", "o", &kHidden, &kQueries, kAttention, false, false, {"wo"}},
    {Role::OutputBias, true, "self_attn.o_proj.bias", "o", &kHidden, nullptr, kOutputBias},
    {Role::AttentionNorm, true, "post_attention_layernorm.weight", "norm", &kHidden, nullptr, kNormsAfter},
    {Role::PostNorm, true, "post_attention_layernorm.weight", "norm", &kHidden, nullptr, kNormsBefore},
    {Role::Router, true, "mlp.gate.weight", "router", &kExperts, &kHidden, kHasExperts},
    {Role::RouterBias, true, "mlp.gate.bias", "router", &kExperts, nullptr, kRouterBias},
    {Role::SharedRouter, true, "mlp.shared_expert_gate.weight", "router", &kOne, &kHidden, kSharedRouter},
    {Role::SharedGate, true, "mlp.shared_expert.gate_proj.weight", "gate", &kShared, &kHidden, kHasShared},
    {Role::SharedUp, true, "mlp.shared_expert.up_proj.weight", "up", &kShared, &kHidden, kHasShared},
    {Role::SharedDown, true, "mlp.shared_expert.down_proj.weight", "down", &kHidden, &kShared, kHasShared},
    {Role::Gate, true, "mlp.gate_proj.weight", "gate", &kGateRows, &kHidden, nullptr, true, false, {"w1"}, "mlp.experts.gate_up_proj"},
    {Role::GateBias, true, "mlp.gate_proj.bias", "gate", &kGateRows, nullptr, kMlpBias, true, false, {}, "mlp.experts.gate_up_proj_bias"},
    {Role::Up, true, "mlp.up_proj.weight", "up", &kIntermediate, &kHidden, kOwnUp, true, false, {"w3"}},
    {Role::UpBias, true, "mlp.up_proj.bias", "up", &kIntermediate, nullptr, kUpBias, true},
    {Role::Down, true, "mlp.down_proj.weight", "down", &kHidden, &kIntermediate, nullptr, true, false, {"w2"}, "mlp.experts.down_proj"},
    {Role::DownBias, true, "mlp.down_proj.bias", "down", &kHidden, nullptr, kMlpBias, true, false, {}, "mlp.experts.down_proj_bias"},
    {Role::BlockNorm, true, "post_feedforward_layernorm.weight", "norm", &kHidden, nullptr, kNormsAfter},
    {Role::LayerInputGate, true, "per_layer_input_gate.weight", "input gate", &kInput, &kHidden, kInputs},
    {Role::LayerInputProjection, true, "per_layer_projection.weight", "input proj", &kHidden, &kInput, kInputs},
    {Role::LayerInputNorm, true, "post_per_layer_input_norm.weight", "norm", &kHidden, nullptr, kInputs},
    {Role::LayerScale, true, "layer_scalar", "scale", &kOne, nullptr, kScaled},
    {Role::FinalNorm, false, "model.norm.weight", "norm", &kHidden, nullptr, nullptr},
    {Role::Head, false, "lm_head.weight", "head", &kVocabulary, &kHidden, kOwnHead, false, false, {"embed_out"}},
}};
// clang-format on

/// Every role has one row.
constexpr bool isWhole() {
  std::array<bool, kWeightRoles> seen{};
  for (const auto& row : kRoles) seen[static_cast<std::size_t>(row.role)] = true;
  return std::ranges::find(seen, false) == seen.end();
}
static_assert(isWhole());

/// Of "self_attn.q_proj.weight" q_proj, of "linear_attn.A_log" A_log.
std::string_view moduleOf(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (const auto last = name.substr(dot + 1); last == "weight" || last == "bias") name = name.substr(0, dot);
  return name.substr(name.rfind('.') + 1);
}

bool isNormName(std::string_view part) { return part.find("norm") != std::string_view::npos || part.starts_with("ln_"); }

}  // namespace

std::span<const RoleRow> weightRoles() { return kRoles; }

const RoleRow& rowOf(WeightRole role) { return *std::ranges::find(kRoles, role, &RoleRow::role); }

const RoleRow* roleOfModule(std::string_view part) {
  if (part.empty()) return nullptr;
  if (isNormName(part)) return &rowOf(Role::InputNorm);
  const auto found = std::ranges::find_if(kRoles, [&](const RoleRow& row) {
    return moduleOf(row.name) == part || std::ranges::find(row.others, part) != row.others.end();
  });
  return found == kRoles.end() ? nullptr : &*found;
}

/// By the last row of a kind: norms stand beside many weights, and their column after those of all layers' weights.
std::size_t rankOfKind(std::string_view kind) {
  for (std::size_t rank = kRoles.size(); rank-- > 0;)
    if (kRoles[rank].kind == kind) return rank;
  return kRoles.size();
}

std::string weightName(WeightRole role, std::uint32_t layer, std::optional<std::uint32_t> expert,
                       std::span<const RoleName> names) {
  const RoleRow& row = rowOf(role);
  if (!row.layered) return std::string(row.name);
  const auto own = std::ranges::find(names, role, &RoleName::role);
  std::string name(own == names.end() ? row.name : own->name);
  if (expert) name.insert(name.find('.') + 1, "experts." + std::to_string(*expert) + '.');
  return std::string(kLayers) + std::to_string(layer) + '.' + name;
}

std::string stackName(WeightRole role, std::uint32_t layer) {
  const RoleRow& row = rowOf(role);
  return row.stack.empty() ? std::string() : std::string(kLayers) + std::to_string(layer) + '.' + std::string(row.stack);
}

bool isMatrix(WeightRole role) {
  const RoleRow& row = rowOf(role);
  return row.columns && !row.depthwise;
}
bool isNorm(WeightRole role) { return rowOf(role).kind == "norm"; }

}  // namespace deltascope
