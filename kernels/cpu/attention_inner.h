// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Attention in one pass over the cache: blocks of 64 positions, with the running maximum and sum of Milakov & Gimelshein 2018.
/// Blocks begin at multiples of 64, so that the order of additions depends on the position and the window alone.
#include <algorithm>
#include <limits>

#include "kernels/cpu/elementwise_inner.h"

namespace deltascope::kernels {

/// A row of the cache: keys or values of one position.
template <class L, class T>
typename L::Vec loadCache(const T* from, std::size_t n) {
  if constexpr (sizeof(T) == 2) {
    if (n == 16) return L::loadBf16(from);
    std::uint16_t padded[16] = {};
    std::memcpy(padded, from, 2 * n);
    return L::loadBf16(padded);
  } else {
    return loadUpTo<L>(from, n);
  }
}

template <class L, class T>
class HeadAttention {
  static constexpr std::size_t kBlock = 64, kGroup = 8;
  using Vec = typename L::Vec;

 public:
  HeadAttention(const AttentionArgs& args, std::uint32_t token, std::uint32_t kvHead)
      : m_args(args), m_dim(args.cache.headDim), m_last(args.firstPosition + token) {
    const std::size_t begin = std::size_t{kvHead} * args.cache.capacity * m_dim;
    m_keys = static_cast<const T*>(args.cache.keys) + begin;
    m_values = static_cast<const T*>(args.cache.values) + begin;
    const std::uint32_t group = args.heads / args.cache.kvHeads;
    const std::size_t row = (std::size_t{token} * args.heads + std::size_t{kvHead} * group) * m_dim;
    for (std::uint32_t head = 0; head < group; head += kGroup)
      run(args.q + row + head * m_dim, args.out + row + head * m_dim, std::min<std::size_t>(kGroup, group - head),
          args.sinks ? args.sinks + std::size_t{kvHead} * group + head : nullptr);
  }

 private:
  void run(const float* q, float* out, std::size_t heads, const float* sinks) {
    float largest[kGroup], sum[kGroup];
    std::fill_n(largest, heads, -std::numeric_limits<float>::infinity());
    std::fill_n(sum, heads, sinks ? 1.0f : 0.0f);
    if (sinks) std::copy_n(sinks, heads, largest);
    std::fill_n(out, heads * m_dim, 0.0f);
    const std::size_t first = m_args.window == 0 || m_last < m_args.window ? 0 : m_last - m_args.window + 1;
    for (std::size_t begin = first; begin <= m_last;) {
      const std::size_t end = std::min<std::size_t>(m_last + 1, (begin / kBlock + 1) * kBlock);
      for (std::size_t head = 0; head < heads; ++head)
        addBlock(q + head * m_dim, out + head * m_dim, begin, end - begin, largest[head], sum[head]);
      begin = end;
    }
    for (std::size_t head = 0; head < heads; ++head) {
      const Vec divisor = L::set(sum[head]);
      float* o = out + head * m_dim;
      byLanes(m_dim, [&](std::size_t i, std::size_t n) { storeUpTo<L>(o + i, L::div(loadUpTo<L>(o + i, n), divisor), n); });
    }
  }

  void addBlock(const float* q, float* out, std::size_t begin, std::size_t count, float& largest, float& sum) {
    alignas(64) float p[kBlock];
    std::fill_n(p, kBlock, -std::numeric_limits<float>::infinity());
    std::size_t scored = 0;
    for (; scored + 4 <= count; scored += 4) score<4>(q, begin + scored, p + scored);
    for (; scored < count; ++scored) score<1>(q, begin + scored, p + scored);
    if (m_args.softCap > 0) softCap<L>(p, count, m_args.softCap);
    Vec top = L::load(p);
    for (std::size_t i = 16; i < kBlock; i += 16) top = L::max(top, L::load(p + i));
    const float newLargest = std::max(largest, L::largest(top));
    alignas(64) float factor[16];
    L::store(factor, expOf<L>(L::set(largest - newLargest)));
    Vec total = L::zero();
    for (std::size_t i = 0; i < kBlock; i += 16) {  // places without a position add e^-inf = 0
      const Vec e = expOf<L>(L::sub(L::load(p + i), L::set(newLargest)));
      L::store(p + i, e);
      total = L::add(total, e);
    }
    sum = __builtin_fmaf(sum, factor[0], L::sum(total));
    largest = newLargest;
    addValues(p, out, begin, count, factor[0]);
  }

  /// Scores of N positions, side by side to hide the additions' latency.
  template <int N>
  void score(const float* q, std::size_t position, float* p) {
    const T* keys = m_keys + position * m_dim;
    Vec s[N];
    for (int j = 0; j < N; ++j) s[j] = L::zero();
    byLanes(m_dim, [&](std::size_t i, std::size_t n) {
      const Vec a = loadUpTo<L>(q + i, n);
      for (int j = 0; j < N; ++j) {
        const Vec b = loadCache<L>(keys + j * m_dim + i, n);
        s[j] = n == 16 ? L::fma(a, b, s[j]) : L::fmaFirst(a, b, s[j], n);
      }
    });
    for (int j = 0; j < N; ++j) p[j] = L::sum(s[j]) * m_args.scale;
  }

  void addValues(const float* p, float* out, std::size_t begin, std::size_t count, float factor) {
    const T* values = m_values + begin * m_dim;
    std::size_t i = 0;
    for (; i + 64 <= m_dim; i += 64) addValuesTo<4>(p, out + i, values + i, count, factor, 16);
    for (; i < m_dim; i += 16) addValuesTo<1>(p, out + i, values + i, count, factor, std::min<std::size_t>(16, m_dim - i));
  }

  /// N times 16 dimensions, or, with N = 1, n of them.
  template <int N>
  void addValuesTo(const float* p, float* out, const T* values, std::size_t count, float factor, std::size_t n) {
    Vec s[N];
    for (int i = 0; i < N; ++i) s[i] = L::mul(loadUpTo<L>(out + i * 16, n), L::set(factor));
    for (std::size_t j = 0; j < count; ++j) {
      const Vec weight = L::set(p[j]);
      for (int i = 0; i < N; ++i) s[i] = L::fma(weight, loadCache<L>(values + j * m_dim + i * 16, n), s[i]);
    }
    for (int i = 0; i < N; ++i) storeUpTo<L>(out + i * 16, s[i], n);
  }

  const AttentionArgs& m_args;
  std::size_t m_dim, m_last;
  const T* m_keys = nullptr;
  const T* m_values = nullptr;
};

template <class L>
void attentionHeads(const AttentionArgs& args, std::uint32_t token, std::uint32_t kvHead) {
  if (args.cache.type == ElementType::BF16)
    HeadAttention<L, std::uint16_t>(args, token, kvHead);
  else
    HeadAttention<L, float>(args, token, kvHead);
}

}  // namespace deltascope::kernels
