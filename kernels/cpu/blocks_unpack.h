// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A run of blocks taken apart. Internal to kernels/cpu; layouts: ggml-common.h of github.com/ggml-org/ggml.
#include "kernels/blocks.h"

namespace deltascope::kernels {

inline constexpr std::size_t kRun = 256;  ///< elements: one large block or eight small ones

/// Element i is scale[i / group] · q[i] − minimum[i / group].
struct BlockRun {
  alignas(64) std::int8_t q[kRun];
  alignas(64) std::uint8_t gap[kRun];  ///< steps to the next value nearer zero; only where `uneven`
  alignas(64) float scale[kRun / 16];
  alignas(64) float minimum[kRun / 16];
  unsigned group = 32;
  bool uneven = false;
};

/// The blocks of `count` ≤ kRun elements; a last block is there whole.
void unpackRun(BlockType type, const std::uint8_t* blocks, std::size_t count, BlockRun& into);

}  // namespace deltascope::kernels
