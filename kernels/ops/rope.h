// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rotary position embedding in place (Su et al. 2021), half-split as Hugging Face stores it: element i pairs with i +
/// headDim/2: x[i] · cos − x[i + headDim/2] · sin, and x[i + headDim/2] · cos + x[i] · sin, every operation rounded to FP32.
#include <cstdint>

namespace deltascope::kernels {

struct RopeArgs {
  float* x = nullptr;             ///< [tokens, heads, headDim]
  const float* cosine = nullptr;  ///< [tokens, headDim / 2]: of the angle of each position
  const float* sine = nullptr;    ///< [tokens, headDim / 2]
  std::uint32_t tokens = 0, heads = 0, headDim = 0;
  /// Of each head its first so many elements, as if they were all; the others stay as they are. 0: all
  std::uint32_t rotated = 0;
};

}  // namespace deltascope::kernels
