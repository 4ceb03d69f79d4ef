// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What attention's kernels share.
#include "kernels/cuda/launch.h"

namespace deltascope::kernels::cuda {

/// Positions whose scores are held at a time.
inline constexpr std::uint32_t kAttentionSpan = 64;

struct PromptAttention {
  const float* q;
  float* out;
  KvLayer cache;
  const std::uint32_t* position;  ///< the device's, of the first token
  std::uint32_t tokens, heads, segmentLength;
  float scale, softCap;
};
/// Attention of many tokens, none of which is past its window. False: it has no kernel for such heads.
[[nodiscard]] bool attendPrompt(const Machine& machine, const PromptAttention& args);

}  // namespace deltascope::kernels::cuda
