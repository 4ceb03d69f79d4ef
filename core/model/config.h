// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What config.json says of a decoder-only transformer, checked, as data: a list of layers, each with what stands in it. The
/// forward pass, the cache and the table of weights read this and know no family.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/model/role.h"
#include "core/model/rope.h"

namespace deltascope {

struct AttentionConfig {
  std::uint32_t heads = 0, kvHeads = 0, headDim = 0;
  std::uint32_t window = 0;  ///< positions a token sees; 0: all before it
  std::uint8_t rope = 0;     ///< index into the model's ropes
  bool inputBias = false;    ///< q, k and v have biases
  bool outputBias = false;
  bool headNorm = false;       ///< an RMSNorm of each head of q and k before the rotary embedding
  bool wholeNorm = false;      ///< the same of all heads together
  bool fused = false;          ///< one matrix for q, k and v
  bool outputGate = false;     ///< q's matrix gives each head a gate too, by whose sigmoid what attention gives is multiplied
  bool valueNorm = false;      ///< an RMSNorm of each head of v, which has no weights
  bool valuesAreKeys = false;  ///< k's matrix gives v too, as it is before the norm and the rotation
  std::optional<std::uint32_t> keysOf{};  ///< the layer before this one whose keys and values are read; empty: its own
  bool rotates = true;                    ///< by the rope; else a token's position counts for the mask alone
  bool sinks = false;                     ///< each head has a score of no position among its others
  float scale = 0;                        ///< of the scores; 0: 1 / √headDim
  float softCap = 0;                      ///< of the scores; 0: none
};

/// A gated delta net in place of attention (kernels/ops/delta_rule.h): a state of one size, however long the text.
struct RecurrentConfig {
  std::uint32_t keyHeads = 0, valueHeads = 0;  ///< as many value heads, or a multiple; 0: the layer has attention
  std::uint32_t keyDim = 0, valueDim = 0;      ///< of each head
  std::uint32_t kernel = 0;                    ///< tokens that the convolution sees, the latest among them

  [[nodiscard]] std::uint64_t values() const { return std::uint64_t{valueHeads} * valueDim; }
  [[nodiscard]] std::uint64_t channels() const { return std::uint64_t{2} * keyHeads * keyDim + values(); }  ///< q, k and v
  [[nodiscard]] std::uint64_t stateFloats() const { return values() * keyDim; }
};

/// down(f(gate(x)) · up(x)); of experts, the weighted sum of those that the router chooses for a token, and of the shared one.
struct FeedForwardConfig {
  std::uint32_t intermediate = 0;  ///< where there are experts, of each
  bool bias = false;               ///< of all three
  bool fused = false;              ///< one matrix for gate and up
  bool gelu = false;               ///< f is the GELU of tanh, else SiLU
  float clampedAt = 0;             ///< not 0: min(gate, it) · σ(clampedSlope · gate) · (1 + up between −it and it)
  float clampedSlope = 1;
  std::uint32_t experts = 0;    ///< 0: there is no router
  std::uint32_t chosen = 0;     ///< experts a token, the most probable ones; weighted by their probability
  bool sharesOfChosen = false;  ///< the weights are made to add up to 1
  bool routerBias = false;
  std::uint32_t shared = 0;   ///< width of an expert that every token has; 0: there is none
  bool sharedRouter = false;  ///< it is weighted by σ of a product with a row of its own
  bool stacked = false;       ///< files have one tensor for the same matrix of all experts, gate and up in one
  bool transposed = false;    ///< of these, each [columns, rows], and gate and up row by row in turn
};

/// x += norm(attention(norm(x))), then x += norm(feedForward(norm(x))), with the norms that are there.
struct LayerConfig {
  AttentionConfig attention;  ///< of a recurrent layer: no heads
  RecurrentConfig recurrent;
  FeedForwardConfig feedForward;
  bool normsBefore = true, normsAfter = false;
  bool scaled = false;  ///< what it gives is multiplied by a number among the weights

  [[nodiscard]] bool isRecurrent() const { return recurrent.valueHeads > 0; }
};

struct ModelConfig {
  std::string architecture;  ///< "LlamaForCausalLM"
  std::string family;        ///< "Llama"
  std::uint32_t hidden = 0, vocabulary = 0;
  std::uint32_t maxPositions = 0;  ///< positions the model was made for, RoPE scaling included
  float rmsEpsilon = 1e-6f;
  bool addedNorms = false;   ///< norms multiply by 1 + weight
  float embeddingScale = 1;  ///< of what is looked up
  float residualScale = 1;   ///< of what attention and feed-forward blocks add
  float logitScale = 1;
  float logitCap = 0;               ///< soft cap of the logits; 0: none
  std::vector<RopeConfig> ropes;    ///< one, or one for each kind of layer
  bool tiedEmbeddings = false;      ///< the head is the embedding
  std::vector<LayerConfig> layers;  ///< one at least
  std::span<const RoleName> names;  ///< of the family's own; lives as long as the program
  std::string_view expertsField = "num_experts", expertWidthField = "moe_intermediate_size";  ///< of config.json
  bool readsAgain = false;  ///< a text that gets angles by growing is read anew with them; else earlier keys stay
  /// Each layer adds besides what a network makes of so many numbers, which are its own and the token's: looked up, and a
  /// product of the embedding. 0: none.
  std::uint32_t layerInputs = 0;
  std::uint32_t layerVocabulary = 0;  ///< of that look-up: as many tokens as the vocabulary, or more
  bool textPart = false;              ///< of a model that has other parts, which do not run

  [[nodiscard]] std::uint32_t layerCount() const { return static_cast<std::uint32_t>(layers.size()); }
  /// The largest of what `of` says of a layer.
  template <class Of>
  [[nodiscard]] auto most(Of of) const {
    decltype(of(LayerConfig())) result{};
    for (const auto& layer : layers) result = std::max(result, of(layer));
    return result;
  }
};

/// A factor that changes nothing.
[[nodiscard]] inline bool isOne(float factor) { return !(factor < 1) && !(factor > 1); }

/// Untrusted: every field is checked (types, ranges, products), absent ones take transformers' defaults. Unsupported names the
/// architecture, or the field whose value changes the result in a way that is not built, and what is supported. `path` is for
/// messages.
[[nodiscard]] Result<ModelConfig> parseModelConfig(const nlohmann::json& config, const std::filesystem::path& path);

/// "LlamaForCausalLM", "MistralForCausalLM" …
[[nodiscard]] std::vector<std::string> supportedArchitectures();

}  // namespace deltascope
