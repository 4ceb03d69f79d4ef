// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What config.json says of a decoder-only transformer, checked: families are rows of a table, not classes.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/rope.h"

namespace deltascope {

struct ModelConfig {
  std::string architecture;  ///< "LlamaForCausalLM"
  std::string family;        ///< "Llama"
  std::uint32_t hidden = 0, intermediate = 0, layers = 0, heads = 0, kvHeads = 0, headDim = 0, vocabulary = 0;
  std::uint32_t maxPositions = 0;  ///< positions the model was made for, RoPE scaling included
  float rmsEpsilon = 1e-6f;
  std::vector<RopeConfig> ropes{1};  ///< one, or one for each kind of layer
  std::vector<std::uint8_t> ropeOf;  ///< by layer: index into ropes
  bool tiedEmbeddings = false;       ///< the head is the embedding
  bool qkvBias = false, outputBias = false, mlpBias = false;
  bool qkNorm = false;                 ///< an RMSNorm of each head of q and k before the rotary embedding
  std::vector<std::uint32_t> windows;  ///< by layer: positions a token sees; 0: all before it
};

/// Untrusted: every field is checked (types, ranges, products), absent ones take transformers' defaults. Unsupported names the
/// architecture, or the field whose value changes the result in a way that is not built, and what is supported. `path` is for
/// messages.
[[nodiscard]] Result<ModelConfig> parseModelConfig(const nlohmann::json& config, const std::filesystem::path& path);

/// "LlamaForCausalLM", "MistralForCausalLM" …
[[nodiscard]] std::vector<std::string> supportedArchitectures();

}  // namespace deltascope
