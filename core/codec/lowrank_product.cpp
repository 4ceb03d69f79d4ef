// SPDX-License-Identifier: Apache-2.0
#include "core/codec/lowrank_product.h"

#include <bit>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#define DELTASCOPE_FMA_AVX2 __attribute__((target("avx2,fma")))
#define DELTASCOPE_FMA_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma")))
#endif

namespace deltascope {
namespace {

constexpr std::uint32_t kNan = 0x7fc00000u;

float added(float w, float scale, float acc) {
  const float product = scale * acc;
  const float sum = w + product;
  return std::isnan(sum) ? std::bit_cast<float>(kNan) : sum;
}

void scalarColumns(const LowRankTile& t, std::size_t from) {
  for (std::size_t row = 0; row < t.rows; ++row)
    for (std::size_t j = from; j < t.columns; ++j) {
      float acc = 0;
      for (std::size_t r = 0; r < t.rank; ++r) acc = std::fma(t.outer[row * t.rank + r], t.inner[r * t.innerStride + j], acc);
      float& w = t.w[row * t.stride + j];
      w = added(w, t.scale, acc);
    }
}

void productScalar(const LowRankTile& t) { scalarColumns(t, 0); }

#if defined(__x86_64__)
template <std::size_t Rows>
DELTASCOPE_FMA_AVX2 void blockAvx2(const LowRankTile& t, std::size_t firstRow, std::size_t j) {
  __m256 acc[Rows][2];
  for (auto& pair : acc) pair[0] = pair[1] = _mm256_setzero_ps();
  const float* outer = t.outer + firstRow * t.rank;
  for (std::size_t r = 0; r < t.rank; ++r) {
    const float* q = t.inner + r * t.innerStride + j;
    const __m256 q0 = _mm256_loadu_ps(q), q1 = _mm256_loadu_ps(q + 8);
    for (std::size_t row = 0; row < Rows; ++row) {
      const __m256 b = _mm256_broadcast_ss(outer + row * t.rank + r);
      acc[row][0] = _mm256_fmadd_ps(b, q0, acc[row][0]);
      acc[row][1] = _mm256_fmadd_ps(b, q1, acc[row][1]);
    }
  }
  const __m256 scale = _mm256_set1_ps(t.scale), nan = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(kNan)));
  for (std::size_t row = 0; row < Rows; ++row)
    for (std::size_t half = 0; half < 2; ++half) {
      float* w = t.w + (firstRow + row) * t.stride + j + 8 * half;
      const __m256 sum = _mm256_add_ps(_mm256_loadu_ps(w), _mm256_mul_ps(scale, acc[row][half]));
      _mm256_storeu_ps(w, _mm256_blendv_ps(sum, nan, _mm256_cmp_ps(sum, sum, _CMP_UNORD_Q)));
    }
}

DELTASCOPE_FMA_AVX2 void productAvx2(const LowRankTile& t) {
  std::size_t j = 0;
  for (; j + 16 <= t.columns; j += 16) {
    if (t.rows == kLowRankRows)
      blockAvx2<kLowRankRows>(t, 0, j);
    else
      for (std::size_t row = 0; row < t.rows; ++row) blockAvx2<1>(t, row, j);
  }
  scalarColumns(t, j);
}

template <std::size_t Rows>
DELTASCOPE_FMA_AVX512 void blockAvx512(const LowRankTile& t, std::size_t firstRow, std::size_t j, __mmask16 m0, __mmask16 m1) {
  __m512 acc[Rows][2];
  for (auto& pair : acc) pair[0] = pair[1] = _mm512_setzero_ps();
  const float* outer = t.outer + firstRow * t.rank;
  for (std::size_t r = 0; r < t.rank; ++r) {
    const float* q = t.inner + r * t.innerStride + j;
    const __m512 q0 = _mm512_maskz_loadu_ps(m0, q), q1 = _mm512_maskz_loadu_ps(m1, q + 16);
    for (std::size_t row = 0; row < Rows; ++row) {
      const __m512 b = _mm512_set1_ps(outer[row * t.rank + r]);
      acc[row][0] = _mm512_fmadd_ps(b, q0, acc[row][0]);
      acc[row][1] = _mm512_fmadd_ps(b, q1, acc[row][1]);
    }
  }
  const __m512 scale = _mm512_set1_ps(t.scale), nan = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(kNan)));
  for (std::size_t row = 0; row < Rows; ++row)
    for (std::size_t half = 0; half < 2; ++half) {
      float* w = t.w + (firstRow + row) * t.stride + j + 16 * half;
      const __mmask16 m = half ? m1 : m0;
      const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(m, w), _mm512_mul_ps(scale, acc[row][half]));
      _mm512_mask_storeu_ps(w, m, _mm512_mask_mov_ps(sum, _mm512_cmp_ps_mask(sum, sum, _CMP_UNORD_Q), nan));
    }
}

DELTASCOPE_FMA_AVX512 void productAvx512(const LowRankTile& t) {
  for (std::size_t j = 0; j < t.columns; j += 32) {
    const auto left = t.columns - j;
    const auto m0 = static_cast<__mmask16>(left >= 16 ? 0xffffu : (1u << left) - 1);
    const auto m1 = static_cast<__mmask16>(left >= 32 ? 0xffffu : left > 16 ? (1u << (left - 16)) - 1 : 0);
    if (t.rows == kLowRankRows)
      blockAvx512<kLowRankRows>(t, 0, j, m0, m1);
    else
      for (std::size_t row = 0; row < t.rows; ++row) blockAvx512<1>(t, row, j, m0, m1);
  }
}
#endif

}  // namespace

LowRankProduct lowRankProduct(kernels::Isa isa) {
#if defined(__x86_64__)
  if (isa != kernels::Isa::Scalar && __builtin_cpu_supports("fma"))
    return isa == kernels::Isa::Avx512 ? productAvx512 : productAvx2;
#else
  static_cast<void>(isa);
#endif
  return productScalar;
}

}  // namespace deltascope
