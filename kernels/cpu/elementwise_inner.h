// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Normalisation, rotation and gate.
#include <algorithm>

#include "kernels/backend.h"
#include "kernels/cpu/exp_inner.h"
#include "kernels/cpu/weights.h"

namespace deltascope::kernels {

/// f(i, n) for runs of n = 16 elements from i, and a last one of less.
template <class F>
void byLanes(std::size_t count, F&& f) {
  for (std::size_t i = 0; i < count; i += 16) f(i, std::min<std::size_t>(16, count - i));
}

template <class L>
typename L::Vec loadUpTo(const float* from, std::size_t n) {
  return n == 16 ? L::load(from) : L::loadFirst(from, n);
}
template <class L>
void storeUpTo(float* into, const typename L::Vec& x, std::size_t n) {
  if (n == 16) return L::store(into, x);
  L::storeFirst(into, x, n);
}

template <class L>
void rmsNormRow(const RmsNormArgs& args, std::uint32_t row, Isa isa) {
  const float* x = args.x + std::size_t{row} * args.columns;
  float* y = args.y + std::size_t{row} * args.columns;
  auto squares = L::zero();
  byLanes(args.columns, [&](std::size_t i, std::size_t n) {
    const auto v = loadUpTo<L>(x + i, n);
    squares = n == 16 ? L::fma(v, v, squares) : L::fmaFirst(v, v, squares, n);
  });
  const float mean = L::sum(squares) / static_cast<float>(args.columns);
  const auto scale = L::set(1.0f / std::sqrt(mean + args.epsilon));
  constexpr std::size_t kPart = 256;
  alignas(64) float weight[kPart];
  for (std::size_t begin = 0; begin < args.columns; begin += kPart) {
    const std::size_t part = std::min(kPart, args.columns - begin);
    const auto* bytes = static_cast<const std::byte*>(args.weight) + begin * bytesOf(args.weightType);
    args.weight ? quantizeOps(isa).toFloat(args.weightType, bytes, part, weight) : void(std::fill_n(weight, part, 1.0f));
    if (args.addOne)
      for (std::size_t i = 0; i < part; ++i) weight[i] += 1.0f;
    byLanes(part, [&](std::size_t i, std::size_t n) {
      const auto v = L::mul(L::mul(loadUpTo<L>(x + begin + i, n), scale), loadUpTo<L>(weight + i, n));
      storeUpTo<L>(y + begin + i, v, n);
    });
  }
}

template <class L>
void ropeToken(const RopeArgs& args, std::uint32_t token) {
  const std::size_t half = (args.rotated ? args.rotated : args.headDim) / 2;
  const float* cosine = args.cosine + token * half;
  const float* sine = args.sine + token * half;
  float* x = args.x + std::size_t{token} * args.heads * args.headDim;
  for (std::uint32_t head = 0; head < args.heads; ++head, x += args.headDim) {
    byLanes(half, [&](std::size_t i, std::size_t n) {
      const auto c = loadUpTo<L>(cosine + i, n), s = loadUpTo<L>(sine + i, n);
      const auto a = loadUpTo<L>(x + i, n), b = loadUpTo<L>(x + half + i, n);
      storeUpTo<L>(x + i, L::sub(L::mul(a, c), L::mul(b, s)), n);
      storeUpTo<L>(x + half + i, L::add(L::mul(b, c), L::mul(a, s)), n);
    });
  }
}

template <class L>
void siluMultiply(const float* gate, const float* up, float* out, std::size_t count) {
  const auto one = L::set(1.0f), zero = L::zero();
  byLanes(count, [&](std::size_t i, std::size_t n) {
    const auto g = loadUpTo<L>(gate + i, n);
    const auto swish = L::div(g, L::add(one, expOf<L>(L::sub(zero, g))));
    storeUpTo<L>(out + i, L::mul(swish, loadUpTo<L>(up + i, n)), n);
  });
}

template <class L>
void sigmoidMultiply(const float* gate, const float* up, float* out, std::size_t count) {
  const auto one = L::set(1.0f), zero = L::zero();
  byLanes(count, [&](std::size_t i, std::size_t n) {
    const auto divisor = L::add(one, expOf<L>(L::sub(zero, loadUpTo<L>(gate + i, n))));
    storeUpTo<L>(out + i, L::div(loadUpTo<L>(up + i, n), divisor), n);
  });
}

template <class L>
void geluMultiply(const float* gate, const float* up, float* out, std::size_t count) {
  const auto one = L::set(1.0f), cubic = L::set(0.044715f), scale = L::set(-1.5957691216f);  // −2 · √(2/π)
  byLanes(count, [&](std::size_t i, std::size_t n) {
    const auto g = loadUpTo<L>(gate + i, n);
    const auto cube = L::mul(L::mul(g, g), g);
    const auto exponent = L::mul(scale, L::fma(cubic, cube, g));
    const auto gelu = L::div(g, L::add(one, expOf<L>(exponent)));
    storeUpTo<L>(out + i, L::mul(gelu, loadUpTo<L>(up + i, n)), n);
  });
}

template <class L>
void clampedGateMultiply(const ClampedGateArgs& args) {
  const auto one = L::set(1.0f), least = L::set(-args.limit), most = L::set(args.limit), slope = L::set(-args.slope);
  byLanes(args.count, [&](std::size_t i, std::size_t n) {
    alignas(64) float last[32] = {};
    const float* from = args.pairs + 2 * i;
    if (n < 16) from = std::copy_n(from, 2 * n, last) - 2 * n;
    typename L::Vec gate, up;
    L::split(from, gate, up);
    gate = L::min(most, gate);  // the second where it is NaN
    up = L::max(least, L::min(most, up));
    const auto swish = L::div(gate, L::add(one, expOf<L>(L::mul(slope, gate))));
    storeUpTo<L>(args.out + i, L::mul(swish, L::add(up, one)), n);
  });
}

template <class L>
typename L::Vec softCapOf(typename L::Vec x, typename L::Vec cap) {
  return L::mul(cap, tanhOf<L>(L::div(x, cap)));
}

template <class L>
void softCap(float* x, std::size_t count, float cap) {
  const auto caps = L::set(cap);
  byLanes(count, [&](std::size_t i, std::size_t n) { storeUpTo<L>(x + i, softCapOf<L>(loadUpTo<L>(x + i, n), caps), n); });
}

template <class L>
void expAll(const float* x, float* into, std::size_t count) {
  byLanes(count, [&](std::size_t i, std::size_t n) { storeUpTo<L>(into + i, expOf<L>(loadUpTo<L>(x + i, n)), n); });
}

}  // namespace deltascope::kernels
