// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the kernels for prompts take.
#include "kernels/cuda/launch.h"

namespace deltascope::kernels::cuda {

struct PromptArgs {
  const std::byte* weights;
  const float* x;
  float* y;
  const void* bias;
  std::uint32_t rows, columns, tokens;
  ElementType biasType;
  std::uint64_t stride;
  bool accumulate;
};

/// Of so many rows, how many productOfPrompt() should do at a time, at most `most`, so that its blocks come in few waves.
[[nodiscard]] std::uint64_t promptRows(const Machine& machine, std::uint32_t tokens, std::uint64_t rows, std::uint64_t most);
/// productOfPrompt() where machine.warpgroups is set.
void promptOnHopper(const Machine& machine, Compute compute, const PromptArgs& args);

}  // namespace deltascope::kernels::cuda
