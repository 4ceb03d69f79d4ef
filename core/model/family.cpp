// SPDX-License-Identifier: Apache-2.0
#include "core/model/family.h"

#include <array>

namespace deltascope {

std::span<const Family> families() {
  static constexpr std::array<Family, 5> kFamilies{{
      {.architecture = "LlamaForCausalLM",
       .modelType = "llama",
       .name = "Llama",
       .attentionBiasField = true,
       .outputBiasToo = true,
       .mlpBiasField = true},
      {.architecture = "MistralForCausalLM",
       .modelType = "mistral",
       .name = "Mistral",
       .windows = WindowRule::Always,
       .defaultKvHeads = 8,
       .defaultWindow = 4096,
       .defaultPositions = 131072},
      {.architecture = "Qwen2ForCausalLM",
       .modelType = "qwen2",
       .name = "Qwen2",
       .qkvBias = true,
       .windows = WindowRule::Switched,
       .defaultKvHeads = 32,
       .defaultWindow = 4096,
       .defaultPositions = 32768},
      {.architecture = "Qwen3ForCausalLM",
       .modelType = "qwen3",
       .name = "Qwen3",
       .attentionBiasField = true,
       .outputBiasToo = true,
       .headNorm = true,
       .windows = WindowRule::Switched,
       .defaultHeadDim = 128,
       .defaultKvHeads = 32,
       .defaultWindow = 4096,
       .defaultPositions = 32768},
      {.architecture = "Qwen3MoeForCausalLM",
       .modelType = "qwen3_moe",
       .name = "Qwen3 MoE",
       .attentionBiasField = true,
       .outputBiasToo = true,
       .headNorm = true,
       .windows = WindowRule::SwitchedForAll,
       .defaultKvHeads = 4,
       .defaultWindow = 4096,
       .defaultPositions = 32768,
       .experts = true},
  }};
  return kFamilies;
}

}  // namespace deltascope
