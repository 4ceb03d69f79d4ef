// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The families that run, one row each: what differs between them in config.json and in the weights. After transformers' own
/// configuration classes (models/llama, mistral, qwen2, qwen3, qwen2_moe, qwen3_moe, qwen3_5, qwen3_5_moe, mixtral, gpt_oss,
/// gemma2, gemma3, gemma4, olmo2, olmo3, smollm3, granite, phi3). Internal to core/model.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/result.h"
#include "core/model/role.h"

namespace deltascope {

class Fields;
struct ModelConfig;

/// How config.json says which layers see a window only.
enum class WindowRule : std::uint8_t {
  None,
  Always,          ///< sliding_window, null for none
  Switched,        ///< sliding_window where use_sliding_window is true, from layer max_window_layers on, or by layer_types
  SwitchedForAll,  ///< the same in every layer
  SwitchedInTurn,  ///< the same in every second layer below max_window_layers, from the first on, or by layer_types
  Patterned,       ///< sliding_window but in every so manieth layer, or by layer_types
  Unrotated,       ///< sliding_window where use_sliding_window is true, in layers that are not rotated, or by layer_types
};

struct Family {
  std::string_view architecture, modelType, name;
  std::string_view wrapper{};       ///< model_type of a model with other parts, whose text_config is of this family
  bool qkvBias = false;             ///< always
  bool qkvBiasField = false;        ///< … unless qkv_bias is false
  bool attentionBiasField = false;  ///< attention_bias adds biases to q, k, v
  bool attentionBiasUsual = false;  ///< where the field is absent
  bool outputBiasToo = false;       ///< … and to o
  bool mlpBiasField = false;        ///< mlp_bias adds biases to gate, up, down
  bool headNorm = false;
  bool readsAgain = false;     ///< as ModelConfig
  bool fused = false;          ///< q, k and v are one matrix, gate and up another
  bool partialRotary = false;  ///< partial_rotary_factor
  double defaultRotary = 1;    ///< … where it is absent
  bool wholeNorm = false;      ///< of all heads of q together, and of k
  WindowRule windows = WindowRule::None;
  const char* activationField = "hidden_act";
  std::string_view defaultActivation = "silu";
  const char* widthField = "intermediate_size";  ///< of feed-forward blocks
  std::uint32_t defaultWidth = 0;                ///< 0: the field is needed
  std::uint32_t defaultHeads = 0;                ///< 0: the field is needed; the same of the vocabulary
  std::uint32_t defaultHeadDim = 0;              ///< 0: hidden / heads
  std::uint32_t defaultKvHeads = 0;              ///< 0: as many as heads
  std::uint32_t defaultVocabulary = 0;
  std::uint32_t defaultWindow = 0;  ///< 0: none
  std::uint32_t pattern = 0;        ///< of WindowRule::Patterned
  bool patternField = false;        ///< sliding_window_pattern says otherwise
  std::uint32_t defaultPositions = 2048;
  double defaultEpsilon = 1e-6;
  std::uint32_t defaultOriginal = 0;  ///< original_max_position_embeddings; 0: max_position_embeddings
  double defaultTheta = 10000;
  const char* defaultRope = nullptr;  ///< rope_parameters where neither they nor rope_scaling are there
  std::optional<double>
      defaultLocalTheta{};  ///< of layers with a window, which rotate by rope_local_base_freq and are not scaled
  bool defaultTied = false;
  std::uint32_t globalHeadDim =
      0;                    ///< global_head_dim is that of layers without a window, this where it is absent; 0: there is none
  bool wrapperTied = true;  ///< the same where the wrapper's config.json does not say it
  std::span<const RoleName> names{};                                            ///< that differ from the table's
  Result<void> (*finish)(const Fields& fields, ModelConfig& config) = nullptr;  ///< reads what no other family has
};

[[nodiscard]] std::span<const Family> families();

// What rows read besides.
[[nodiscard]] Result<void> finishQwen3Moe(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishQwen3_5(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishQwen2Moe(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishQwen3_5Moe(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishGptOss(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishMixtral(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishGemma2(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishGemma3(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishGemma4(const Fields& fields, ModelConfig& config);
/// Of layers without a window: global_head_dim, `usual` where it is absent, or what per_layer_config says of the last layer.
[[nodiscard]] Result<std::uint32_t> globalHeadDim(const Fields& fields, std::uint32_t usual, std::uint32_t headDim,
                                                  std::uint32_t layers);
[[nodiscard]] Result<void> finishOlmo2(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishSmolLm3(const Fields& fields, ModelConfig& config);
[[nodiscard]] Result<void> finishGranite(const Fields& fields, ModelConfig& config);

}  // namespace deltascope
