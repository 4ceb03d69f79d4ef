// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What config.json says of a decoder-only transformer, checked, as data: a list of layers, each with what stands in it. The
/// forward pass, the cache and the table of weights read this and know no family.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/rope.h"

namespace deltascope {

struct AttentionConfig {
  std::uint32_t heads = 0, kvHeads = 0, headDim = 0;
  std::uint32_t window = 0;  ///< positions a token sees; 0: all before it
  std::uint8_t rope = 0;     ///< index into the model's ropes
  bool inputBias = false;    ///< q, k and v have biases
  bool outputBias = false;
  bool headNorm = false;  ///< an RMSNorm of each head of q and k before the rotary embedding
};

/// down(silu(gate(x)) · up(x)); of experts, the weighted sum of those that the router chooses for a token.
struct FeedForwardConfig {
  std::uint32_t intermediate = 0;  ///< where there are experts, of each
  bool bias = false;               ///< of all three
  std::uint32_t experts = 0;       ///< 0: there is no router
  std::uint32_t chosen = 0;        ///< experts a token, the most probable ones; weighted by their probability
  bool sharesOfChosen = false;     ///< the weights are made to add up to 1
};

/// x += attention(norm(x)), then x += feedForward(norm(x)).
struct LayerConfig {
  AttentionConfig attention;
  FeedForwardConfig feedForward;
};

struct ModelConfig {
  std::string architecture;  ///< "LlamaForCausalLM"
  std::string family;        ///< "Llama"
  std::uint32_t hidden = 0, vocabulary = 0;
  std::uint32_t maxPositions = 0;  ///< positions the model was made for, RoPE scaling included
  float rmsEpsilon = 1e-6f;
  std::vector<RopeConfig> ropes;    ///< one, or one for each kind of layer
  bool tiedEmbeddings = false;      ///< the head is the embedding
  std::vector<LayerConfig> layers;  ///< one at least

  [[nodiscard]] std::uint32_t layerCount() const { return static_cast<std::uint32_t>(layers.size()); }
  /// The largest of what `of` says of a layer.
  template <class Of>
  [[nodiscard]] auto most(Of of) const {
    decltype(of(LayerConfig())) result{};
    for (const auto& layer : layers) result = std::max(result, of(layer));
    return result;
  }
};

/// Untrusted: every field is checked (types, ranges, products), absent ones take transformers' defaults. Unsupported names the
/// architecture, or the field whose value changes the result in a way that is not built, and what is supported. `path` is for
/// messages.
[[nodiscard]] Result<ModelConfig> parseModelConfig(const nlohmann::json& config, const std::filesystem::path& path);

/// "LlamaForCausalLM", "MistralForCausalLM" …
[[nodiscard]] std::vector<std::string> supportedArchitectures();

}  // namespace deltascope
