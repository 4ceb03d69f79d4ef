// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A gated delta net (Yang, Kautz & Hatamizadeh 2024): a convolution over the last tokens, and a state that each token decays
/// and corrects. In FP32, token after token and, of each number, in one order: the same bits however many tokens are in a call,
/// on every instruction set and number of threads.
#include "kernels/ops/matrix.h"

namespace deltascope::kernels {

/// out[t][c] = silu(Σ weight[c][k] · rows[t + k][c]), with fma for k ascending from +0; silu as siluMultiply's.
struct ConvolveArgs {
  static constexpr std::uint32_t kMostKernel = 32;
  const float* rows = nullptr;   ///< [kernel − 1 + tokens, channels]: those before the tokens, then theirs
  const void* weight = nullptr;  ///< [channels, kernel] of `weightType`; the last one is the token's own
  ElementType weightType = ElementType::BF16;
  float* out = nullptr;  ///< [tokens, channels]
  std::uint32_t tokens = 0, channels = 0, kernel = 0;
};

/// For each token and value head, whose key head is head / (valueHeads / keyHeads), with q and k divided by √(Σx² + 1e-6) and q
/// by √keyDim besides:
///   S = e^g · S, with g = −e^rate · softplus(decay + bias)
///   S = S + k ⊗ ((v − S · k) / (1 + e^−strength))
///   out = S · q
/// Sums over k's elements with fma, ascending from +0. The squares are added as rmsNorm's. e^g and 1 / (1 + e^−strength) are
/// computed in double and rounded once.
///
/// The state may be asked for twice: after all tokens, and after the first `keepAfter`. Of the first `again` tokens, which were
/// read before and are read once more, only the state is wanted.
struct DeltaRuleArgs {
  float* mixed = nullptr;  ///< [tokens, keyHeads · keyDim (q), the same (k), valueHeads · valueDim (v)]; q and k are changed
  const float* decay = nullptr;     ///< [tokens, valueHeads]
  const float* strength = nullptr;  ///< [tokens, valueHeads]
  float* gates = nullptr;           ///< [tokens, 2, valueHeads]: room for e^g and 1 / (1 + e^−strength)
  const void* rate = nullptr;       ///< [valueHeads] of `rateType`
  const void* bias = nullptr;       ///< [valueHeads] of `biasType`
  ElementType rateType = ElementType::F32, biasType = ElementType::F32;
  const float* from = nullptr;  ///< the state before: [valueHeads, keyDim, valueDim]; null: zeros
  float* into = nullptr;        ///< the state after; may be `from`
  float* kept = nullptr;        ///< the state after `keepAfter` tokens, where these are not 0; may be `from`, not `into`
  float* out = nullptr;         ///< [tokens − again, valueHeads, valueDim]
  std::uint32_t tokens = 0, again = 0, keepAfter = 0;
  std::uint32_t keyHeads = 0, valueHeads = 0, keyDim = 0, valueDim = 0;

  [[nodiscard]] std::uint64_t width() const {
    return std::uint64_t{2} * keyHeads * keyDim + std::uint64_t{valueHeads} * valueDim;
  }
};

}  // namespace deltascope::kernels
