// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Columns of a head's state are independent of each other: a thread takes some, and all tokens.
#include <algorithm>

#include "kernels/cpu/elementwise_inner.h"

namespace deltascope::kernels {

inline constexpr std::size_t kConvolved = 64;     ///< channels at a time
inline constexpr std::size_t kStateColumns = 64;  ///< of a state, at a time

/// `count` channels from `channel`, kConvolved at most.
template <class L>
void convolveChannels(const ConvolveArgs& args, std::size_t channel, std::size_t count, Isa isa) {
  alignas(64) float stored[kConvolved * ConvolveArgs::kMostKernel], weights[ConvolveArgs::kMostKernel][kConvolved];
  const auto* bytes = static_cast<const std::byte*>(args.weight) + channel * args.kernel * bytesOf(args.weightType);
  quantizeOps(isa).toFloat(args.weightType, bytes, count * args.kernel, stored);
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t k = 0; k < args.kernel; ++k) weights[k][c] = stored[c * args.kernel + k];
  const auto one = L::set(1.0f), zero = L::zero();
  for (std::size_t t = 0; t < args.tokens; ++t) {
    const float* row = args.rows + t * args.channels + channel;
    float* out = args.out + t * args.channels + channel;
    byLanes(count, [&](std::size_t i, std::size_t n) {
      auto sum = zero;
      for (std::size_t k = 0; k < args.kernel; ++k)
        sum = L::fma(loadUpTo<L>(row + k * args.channels + i, n), loadUpTo<L>(weights[k] + i, n), sum);
      storeUpTo<L>(out + i, L::div(sum, L::add(one, expOf<L>(L::sub(zero, sum)))), n);
    });
  }
}

/// x = x / √(Σx² + 1e-6) · factor
template <class L>
void normalize(float* x, std::size_t count, float factor) {
  auto squares = L::zero();
  byLanes(count, [&](std::size_t i, std::size_t n) {
    const auto v = loadUpTo<L>(x + i, n);
    squares = n == 16 ? L::fma(v, v, squares) : L::fmaFirst(v, v, squares, n);
  });
  const auto scale = L::set(1.0f / std::sqrt(L::sum(squares) + 1e-6f)), factors = L::set(factor);
  byLanes(count,
          [&](std::size_t i, std::size_t n) { storeUpTo<L>(x + i, L::mul(L::mul(loadUpTo<L>(x + i, n), scale), factors), n); });
}

/// Of one token, all heads of q and k.
template <class L>
void normalizeHeads(const DeltaRuleArgs& args, std::size_t token) {
  float* q = args.mixed + token * args.width();
  float* k = q + std::size_t{args.keyHeads} * args.keyDim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(args.keyDim));
  for (std::size_t head = 0; head < args.keyHeads; ++head) {
    normalize<L>(q + head * args.keyDim, args.keyDim, scale);
    normalize<L>(k + head * args.keyDim, args.keyDim, 1.0f);
  }
}

/// N times 16 columns of a head's state, or, with N = 1, n of them.
template <class L, int N>
void deltaRuleRun(const DeltaRuleArgs& args, std::size_t head, std::size_t column, std::size_t n) {
  using Vec = typename L::Vec;
  const std::size_t rows = args.keyDim, stride = args.valueDim, keys = std::size_t{args.keyHeads} * rows;
  const std::size_t at = head * rows * stride + column, keyHead = head / (args.valueHeads / args.keyHeads);
  float* state = args.into + at;
  const auto copy = [&](float* into, const float* from) {
    for (std::size_t i = 0; i < rows; ++i)
      for (int j = 0; j < N; ++j)
        storeUpTo<L>(into + i * stride + j * 16, from ? loadUpTo<L>(from + i * stride + j * 16, n) : L::zero(), n);
  };
  if (args.from != args.into) copy(state, args.from ? args.from + at : nullptr);
  for (std::size_t t = 0; t < args.tokens; ++t) {
    const float* q = args.mixed + t * args.width() + keyHead * rows;
    const float* k = q + keys;
    const float* v = args.mixed + t * args.width() + 2 * keys + head * stride + column;
    const float* gates = args.gates + 2 * t * args.valueHeads + head;
    const Vec decay = L::set(gates[0]), strength = L::set(gates[args.valueHeads]);
    Vec sums[N];
    for (int j = 0; j < N; ++j) sums[j] = L::zero();
    for (std::size_t i = 0; i < rows; ++i)
      for (int j = 0; j < N; ++j)
        sums[j] = L::fma(L::mul(loadUpTo<L>(state + i * stride + j * 16, n), decay), L::set(k[i]), sums[j]);
    Vec change[N];
    for (int j = 0; j < N; ++j) {
      change[j] = L::mul(L::sub(loadUpTo<L>(v + j * 16, n), sums[j]), strength);
      sums[j] = L::zero();
    }
    for (std::size_t i = 0; i < rows; ++i)
      for (int j = 0; j < N; ++j) {
        float* place = state + i * stride + j * 16;
        const Vec s = L::fma(L::set(k[i]), change[j], L::mul(loadUpTo<L>(place, n), decay));
        storeUpTo<L>(place, s, n);
        sums[j] = L::fma(s, L::set(q[i]), sums[j]);
      }
    if (t >= args.again) {
      float* out = args.out + ((t - args.again) * args.valueHeads + head) * stride + column;
      for (int j = 0; j < N; ++j) storeUpTo<L>(out + j * 16, sums[j], n);
    }
    if (t + 1 == args.keepAfter) copy(args.kept + at, state);
  }
}

/// kStateColumns of them, or the last ones.
template <class L>
void deltaRuleColumns(const DeltaRuleArgs& args, std::size_t head, std::size_t column) {
  const std::size_t end = std::min<std::size_t>(column + kStateColumns, args.valueDim);
  if (end - column == kStateColumns) return deltaRuleRun<L, kStateColumns / 16>(args, head, column, 16);
  for (; column < end; column += 16) deltaRuleRun<L, 1>(args, head, column, std::min<std::size_t>(16, end - column));
}

}  // namespace deltascope::kernels
