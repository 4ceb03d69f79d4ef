// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_names.h"

#include <algorithm>
#include <array>

namespace deltascope {
namespace {

struct Pair {
  std::string_view gguf, own;
};
constexpr std::array kTop{Pair{"token_embd", "model.embed_tokens"}, Pair{"output_norm", "model.norm"},
                          Pair{"output", "lm_head"}};
constexpr std::array kLayer{
    Pair{"attn_norm", "input_layernorm"},    Pair{"attn_q", "self_attn.q_proj"},
    Pair{"attn_k", "self_attn.k_proj"},      Pair{"attn_v", "self_attn.v_proj"},
    Pair{"attn_output", "self_attn.o_proj"}, Pair{"attn_q_norm", "self_attn.q_norm"},
    Pair{"attn_k_norm", "self_attn.k_norm"}, Pair{"ffn_norm", "post_attention_layernorm"},
    Pair{"ffn_gate", "mlp.gate_proj"},       Pair{"ffn_up", "mlp.up_proj"},
    Pair{"ffn_down", "mlp.down_proj"},
};
constexpr std::array kSandwich{
    Pair{"post_attention_norm", "post_attention_layernorm"},
    Pair{"ffn_norm", "pre_feedforward_layernorm"},
    Pair{"post_ffw_norm", "post_feedforward_layernorm"},
};
constexpr std::string_view kBlock = "blk.", kEmbedding = "token_embd.weight", kBehind = "blk.0.post_ffw_norm.weight";

std::optional<std::string_view> ownOf(std::span<const Pair> pairs, std::string_view module) {
  const auto found = std::ranges::find(pairs, module, &Pair::gguf);
  return found == pairs.end() ? std::nullopt : std::optional(found->own);
}

}  // namespace

std::optional<std::string> nameFromGguf(std::string_view name, bool sandwich) {
  const auto last = name.rfind('.');
  if (last == std::string_view::npos) return std::nullopt;
  const auto ending = name.substr(last), module = name.substr(0, last);
  if (ending != ".weight" && ending != ".bias") return std::nullopt;
  if (!module.starts_with(kBlock)) {
    const auto own = ownOf(kTop, module);
    return own ? std::optional(std::string(*own).append(ending)) : std::nullopt;
  }
  const auto dot = module.find('.', kBlock.size());
  if (dot == std::string_view::npos) return std::nullopt;
  const auto number = module.substr(kBlock.size(), dot - kBlock.size()), part = module.substr(dot + 1);
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  auto own = sandwich ? ownOf(kSandwich, part) : std::nullopt;
  if (!own) own = ownOf(kLayer, part);
  if (!own) return std::nullopt;
  return std::string("model.layers.").append(number).append(".").append(*own).append(ending);
}

GgufNaming ggufNaming(std::span<const std::string_view> names) {
  GgufNaming naming;
  const bool layers = std::ranges::any_of(names, [](std::string_view name) { return name.starts_with(kBlock); });
  naming.used = layers && std::ranges::find(names, kEmbedding) != names.end();
  naming.sandwich = naming.used && std::ranges::find(names, kBehind) != names.end();
  return naming;
}

}  // namespace deltascope
