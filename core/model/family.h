// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The families that run, one row each: what differs between them in config.json and in the weights. After transformers' own
/// configuration classes (models/llama, mistral, qwen2, qwen3, qwen3_moe). Internal to core/model.
#include <cstdint>
#include <span>
#include <string_view>

namespace deltascope {

/// How config.json says which layers see a window only.
enum class WindowRule : std::uint8_t {
  None,
  Always,          ///< sliding_window, null for none
  Switched,        ///< sliding_window where use_sliding_window is true, from layer max_window_layers on, or by layer_types
  SwitchedForAll,  ///< the same in every layer
};

struct Family {
  std::string_view architecture, modelType, name;
  bool qkvBias = false;             ///< always
  bool attentionBiasField = false;  ///< attention_bias adds biases to q, k, v
  bool outputBiasToo = false;       ///< … and to o
  bool mlpBiasField = false;        ///< mlp_bias adds biases to gate, up, down
  bool headNorm = false;
  WindowRule windows = WindowRule::None;
  std::uint32_t defaultHeadDim = 0;  ///< 0: hidden / heads
  std::uint32_t defaultKvHeads = 0;  ///< 0: as many as heads
  std::uint32_t defaultWindow = 0;
  std::uint32_t defaultPositions = 2048;
  bool experts = false;  ///< num_experts in layers that decoder_sparse_step and mlp_only_layers leave them
};

[[nodiscard]] std::span<const Family> families();

}  // namespace deltascope
