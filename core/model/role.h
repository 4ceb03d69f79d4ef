// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a weight is for, by a number. The table of roles is in roles.h.
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace deltascope {

/// Named by the places where a forward pass takes them.
enum class WeightRole : std::uint8_t {
  Embedding,
  LayerEmbedding,  ///< what is looked up for each layer
  LayerProjection,
  LayerProjectionNorm,
  InputNorm,       ///< before attention
  RecurrentInput,  ///< q, k and v of a recurrent layer
  RecurrentGate,
  RecurrentStrength,
  RecurrentDecay,
  Convolution,
  DecayRate,
  DecayBias,
  RecurrentNorm,
  RecurrentOutput,
  Query,
  Key,
  Value,
  Output,
  QueryBias,
  KeyBias,
  ValueBias,
  OutputBias,
  QueryNorm,
  KeyNorm,
  Sinks,          ///< a score of each head that takes its share of attention and brings nothing
  AttentionNorm,  ///< of what attention gives
  PostNorm,       ///< after attention, before the feed-forward block
  Router,
  RouterBias,
  SharedRouter,  ///< how much of the shared expert a token gets
  SharedGate,    ///< of the expert that every token has
  SharedUp,
  SharedDown,
  Gate,
  Up,
  Down,
  GateBias,
  UpBias,
  DownBias,
  BlockNorm,  ///< of what the feed-forward block gives
  LayerInputGate,
  LayerInputProjection,
  LayerInputNorm,
  LayerScale,
  FinalNorm,
  Head,  ///< the embedding where they are tied
};
inline constexpr std::size_t kWeightRoles = 46;

/// A weight of a layer that a family names otherwise than the table does.
struct RoleName {
  WeightRole role;
  std::string_view name;  ///< what follows "model.layers.N."
};

}  // namespace deltascope
