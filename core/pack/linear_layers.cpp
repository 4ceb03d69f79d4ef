// SPDX-License-Identifier: Apache-2.0
#include "core/pack/linear_layers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "core/checkpoint/model_names.h"
#include "core/model/roles.h"

namespace deltascope {
namespace {

constexpr std::string_view kWeight = ".weight", kExperts = ".experts.";

/// Parts of a module's own name that tell embeddings and routers which the table of roles does not know.
constexpr std::array<std::string_view, 6> kKept{"embed",       "wpe",         "router",
                                                "rel_pos_emb", "segment_emb", "relative_attention_bias"};
/// And own names that are taken whole: the routers and T5's embedding.
constexpr std::array<std::string_view, 2> kKeptWhole{"gate", "shared"};

/// Output heads of other names; of several parts also behind a prefix.
struct Head {
  std::string_view types, module;
};
constexpr std::array<Head, 17> kHeads{{
    {"bert big_bird ernie megatron-bert rembert roc_bert roformer", "cls.predictions.decoder"},
    {"bert-generation camembert data2vec-text roberta roberta-prelayernorm xlm-roberta xlm-roberta-xl xmod", "lm_head.decoder"},
    {"biogpt trocr", "output_projection"},
    {"blip", "text_decoder.cls.predictions.decoder"},
    {"ctrl", "transformer.w"},
    {"rwkv", "head"},
    {"electra", "generator_lm_head"},
    {"fsmt", "decoder.output_projection"},
    {"gemma4_unified_assistant", "post_projection"},
    {"git", "output"},
    {"gpt_neox_japanese", "embed_out"},
    {"modernbert-decoder", "decoder"},
    {"t5gemma t5gemma2", "lm_head.out_proj"},
    {"whisper", "proj_out"},
    {"xlm", "pred_layer.proj"},
    {"xlnet", "lm_loss"},
    {"", "score"},
}};

/// Where a class of transformers departs from the rule: in models of these types (of all, where none is named), modules whose
/// path has this part. The first that applies counts.
struct Exception {
  std::string_view types, part;
  bool linear;
};
constexpr std::array<Exception, 30> kExceptions{{
    {"falcon", "", false},
    {"granitemoe granitemoehybrid granitemoeshared", "router.layer", false},
    {"axk2 deepseek_v32 deepseek_v4 glm_moe_dsa mistral_large4", "indexer.weights_proj", false},
    {"deepseek_v4", "compressor.", false},
    {"deepseek_v4", "wo_a", false},
    {"mt5 t5 udop umt5", "DenseReluDense.wo", false},
    {"zamba", "shared_transf.", false},
    {"zamba2", "shared_transformer.", false},
    {"blip-2", "qformer.", false},
    {"clip", "text_projection", false},  // the last module
    {"decision_transformer", "embed_timestep", false},
    {"gemma3n_text", "altup_unembed_projections.2", false},
    {"nemotron_h_omni", "mlp1.3", false},
    {"voxtral_realtime", "multi_modal_projector.linear_2", false},
    {"inkling_mm_model", "audio.encoder", false},
    {"", "head.attention.out_proj", false},  // of nn.MultiheadAttention
    {"", "multihead_attn.out_proj", false},
    {"", "bias_values", false},
    {"", "bos_eos_token", false},
    {"", "patch_embedding", true},
    {"afmoe", "router.gate", true},
    {"decision_transformer", "embed_", true},
    {"apertus1p5", "quantize.embedding", true},
    {"electra", "embeddings_project", true},
    {"fuyu", "vision_embed_tokens", true},
    {"gemma3n gemma3n_text", "modality_router", true},
    {"nemotron_h_omni", "embedder", true},
    {"nemotron_h_omni", "language_model.lm_head", true},
    {"prophetnet", "relative_pos_embeddings", true},
    {"rembert", "embedding_hidden_mapping_in", true},
}};

/// Conv1D stands in for nn.Linear in these.
constexpr std::string_view kConv1DTypes = "gpt2 gpt-sw3 openai-gpt imagegpt decision_transformer clvp";
constexpr std::array<std::string_view, 4> kConv1D{"c_attn", "c_fc", "c_proj", "q_attn"};

/// Whether the word is one of the list's, which blanks divide.
bool isAmong(std::string_view word, std::string_view list) {
  for (auto at = list.find(word); !word.empty() && at != std::string_view::npos; at = list.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || list[at - 1] == ' ') && (end == list.size() || list[end] == ' ')) return true;
  }
  return false;
}

bool appliesTo(std::string_view types, std::string_view type) { return types.empty() || isAmong(type, types); }

bool isHead(std::string_view module) {
  return std::ranges::any_of(kHeads, [&](const Head& head) {
    if (module == head.module) return true;
    return head.module.find('.') != std::string_view::npos && module.ends_with("." + std::string(head.module));
  });
}

/// Expert by expert in the file: "mlp.experts.7.up_proj".
bool isOfExpert(std::string_view module) {
  const auto at = module.find(kExperts);
  return at != std::string_view::npos && at + kExperts.size() < module.size() &&
         std::isdigit(static_cast<unsigned char>(module[at + kExperts.size()]));
}

bool isLinear(std::string_view module, std::string_view type) {
  const std::string path = std::string(module) + ".";
  for (const auto& [types, part, linear] : kExceptions)
    if (appliesTo(types, type) && path.find(part) != std::string::npos) return linear;
  const std::string_view own = module.substr(module.rfind('.') + 1);
  if (isOfExpert(module) || isHead(module) || std::ranges::find(kKeptWhole, own) != kKeptWhole.end()) return false;
  if (const RoleRow* row = roleOfModule(own)) return row->columns && (row->layered || row->role == WeightRole::LayerProjection);
  return std::ranges::none_of(kKept, [&](std::string_view part) { return own.find(part) != std::string_view::npos; });
}

std::string typeOf(const nlohmann::json& config) {
  if (!config.is_object()) return {};
  const auto type = config.find("model_type");
  return type != config.end() && type->is_string() ? type->get<std::string>() : std::string();
}

}  // namespace

LinearLayers::LinearLayers(const Checkpoint& model) : m_type(typeOf(model.config())) {}

LinearKind LinearLayers::kindOf(std::string_view tensor, const std::vector<std::uint64_t>& shape) const {
  const std::string plain = withoutWrappers(tensor);
  if (shape.size() != 2 || !plain.ends_with(kWeight)) return LinearKind::None;
  const auto module = std::string_view(plain).substr(0, plain.size() - kWeight.size());
  if (!isLinear(module, m_type)) return LinearKind::None;
  const auto own = module.substr(module.rfind('.') + 1);
  const bool conv = isAmong(m_type, kConv1DTypes) && std::ranges::find(kConv1D, own) != kConv1D.end();
  return conv ? LinearKind::Conv1D : LinearKind::Linear;
}

bool LinearLayers::areNone() const {
  return std::ranges::any_of(kExceptions, [&](const Exception& e) { return e.part.empty() && isAmong(m_type, e.types); });
}

std::string_view LinearLayers::head() const {
  const auto found = std::ranges::find_if(kHeads, [&](const Head& head) { return isAmong(m_type, head.types); });
  if (found != kHeads.end()) return found->module;
  const std::string_view usual = rowOf(WeightRole::Head).name;
  return usual.substr(0, usual.size() - kWeight.size());
}

}  // namespace deltascope
