// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The gate of the feed-forward block.
#include <cstdint>

namespace deltascope::kernels {

/// out = (gate / (1 + e^−gate)) · up (SwiGLU, Shazeer 2020) in FP32, the exponential within 2 ulp; so −0 · up for a gate below
/// −88.8. out may be gate or up.
struct SiluMultiplyArgs {
  const float* gate = nullptr;  ///< [count]
  const float* up = nullptr;    ///< [count]
  float* out = nullptr;         ///< [count]
  std::uint64_t count = 0;
};

}  // namespace deltascope::kernels
