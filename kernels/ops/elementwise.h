// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Operations on each number by itself. In FP32, an exponential within 2 ulp, a hyperbolic tangent within 4, every other
/// operation rounded once; the same bits on every instruction set and number of threads.
#include <cstdint>

namespace deltascope::kernels {

/// out = f(gate) · up, the gate of the feed-forward block. out may be gate or up.
/// siluMultiply: f(x) = x / (1 + e^−x) (SwiGLU, Shazeer 2020); so −0 · up for a gate below −88.8.
/// sigmoidMultiply: f(x) = 1 / (1 + e^−x), as up / (1 + e^−gate).
/// geluMultiply: f(x) = x / (1 + e^−2u) with u = √(2/π) · (x + 0.044715 · x³), which is ½x · (1 + tanh u), the second form of
/// GELU (Hendrycks & Gimpel 2016).
struct GateMultiplyArgs {
  const float* gate = nullptr;  ///< [count]
  const float* up = nullptr;    ///< [count]
  float* out = nullptr;         ///< [count]
  std::uint64_t count = 0;
};

/// out = g · σ(slope · g) · (1 + u), with g = min(gate, limit) and u = up between −limit and limit; σ(x) = 1 / (1 + e^−x). NaN
/// stays NaN. The gate of gpt-oss.
struct ClampedGateArgs {
  const float* pairs = nullptr;  ///< [count, 2]: gate, up
  float* out = nullptr;          ///< [count]; does not overlap pairs
  std::uint64_t count = 0;
  float slope = 1, limit = 1;  ///< limit above 0
};

/// x = factor · x
struct ScaleArgs {
  float* x = nullptr;  ///< [count]
  std::uint64_t count = 0;
  float factor = 1;
};

/// into = into + factor · x: a product and a sum, each rounded.
struct AddScaledArgs {
  const float* x = nullptr;  ///< [count]
  float* into = nullptr;     ///< [count]
  std::uint64_t count = 0;
  float factor = 1;
};

/// x = cap · tanh(x / cap): stays between −cap and cap. NaN stays NaN.
struct SoftCapArgs {
  float* x = nullptr;  ///< [count]
  std::uint64_t count = 0;
  float cap = 1;  ///< above 0
};

}  // namespace deltascope::kernels
