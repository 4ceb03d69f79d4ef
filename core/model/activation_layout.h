// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "core/model/config.h"

namespace deltascope {

/// Where the activations lie in one buffer of floats, each aligned; offsets in bytes.
struct ActivationLayout {
  ActivationLayout(const ModelConfig& config, std::uint64_t tokens, std::uint64_t logitRows);
  std::uint64_t hidden = 0, normed = 0, query = 0, key = 0, value = 0, gate = 0, up = 0, cosine = 0, sine = 0, logits = 0;
  std::uint64_t router = 0, picked = 0;  ///< of experts: the router's logits, the tokens of one
  std::uint64_t sinks = 0;               ///< of a layer's heads
  std::uint64_t fused = 0;               ///< what one matrix gives in place of several
  std::uint64_t rows = 0, mixed = 0, decay = 0, strength = 0, gates = 0;  ///< of recurrent layers
  std::uint64_t inputs = 0, projected = 0;                                ///< of layers, beside hidden
  std::uint64_t branch = 0;                                               ///< what is added to hidden when it is whole
  std::uint64_t bytes = 0;

 private:
  std::uint64_t add(std::uint64_t floats);
};

}  // namespace deltascope
