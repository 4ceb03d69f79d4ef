// SPDX-License-Identifier: Apache-2.0
#pragma once
/// ScalarLanes' operations on one register. Only for translation units that are compiled for AVX-512.
#include <immintrin.h>

#include "kernels/cpu/lanes.h"

namespace deltascope::kernels {

struct Avx512Lanes {
  static constexpr int kRows = 4, kTokens = 6, kDirectTokens = 8, kDirectGroup = 4, kDirectRows = 4;
  using Vec = __m512;

  static __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec set(float x) { return _mm512_set1_ps(x); }
  static Vec load(const float* from) { return _mm512_loadu_ps(from); }
  static Vec loadFirst(const float* from, std::size_t n) { return _mm512_maskz_loadu_ps(first(n), from); }
  static Vec widen(__m256i halves) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16)); }
  static __m256i load256(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static Vec loadBf16(const std::uint16_t* from) { return widen(load256(from)); }
  static void store(float* into, Vec x) { _mm512_storeu_ps(into, x); }
  static void storeFirst(float* into, Vec x, std::size_t n) { _mm512_mask_storeu_ps(into, first(n), x); }

  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
  static Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
  static Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static Vec fmaFirst(Vec a, Vec b, Vec c, std::size_t n) { return _mm512_mask3_fmadd_ps(a, b, c, first(n)); }
  static Vec bitsUp23(Vec a) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 23)); }

  static void splitPair(Vec low, Vec high, Vec& even, Vec& odd) {
    const __m512i pick = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    even = _mm512_permutex2var_ps(low, pick, high);
    odd = _mm512_permutex2var_ps(low, _mm512_add_epi32(pick, _mm512_set1_epi32(1)), high);
  }
  static void split(const float* from, Vec& even, Vec& odd) { splitPair(load(from), load(from + 16), even, odd); }

  template <ElementType T>
  static Vec roundTo(Vec x) {
    if constexpr (T == ElementType::F32) return x;
    if constexpr (T == ElementType::F16) return _mm512_cvtph_ps(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    const __mmask16 number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
    return _mm512_castsi512_ps(_mm512_mask_and_epi32(bits, number, sum, _mm512_set1_epi32(static_cast<int>(0xFFFF0000))));
  }
  /// 32 halves.
  template <ElementType T>
  static void widenPairs(__m512i both, Vec& even, Vec& odd) {
    if constexpr (T == ElementType::BF16) {
      even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
      odd = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xFFFF0000))));
    } else {
      even = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(both));
      odd = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(both, 16)));
    }
  }
  template <ElementType T>
  static void loadPairs(const std::byte* from, Vec& even, Vec& odd) {
    if constexpr (T == ElementType::F32)
      splitPair(_mm512_loadu_ps(from), _mm512_loadu_ps(from + 64), even, odd);
    else
      widenPairs<T>(_mm512_loadu_si512(from), even, odd);
  }
  static void lookUpPairs(const std::uint8_t* codes, Vec values, Vec& even, Vec& odd) {
    const __m512i pairs = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    even = _mm512_permutexvar_ps(_mm512_srli_epi32(pairs, 4), values);
    odd = _mm512_permutexvar_ps(pairs, values);  // looks at four bits of an index
  }
  template <ElementType T>
  static Vec int8Of(__m512i q, Vec scale) {
    return roundTo<T>(mul(mul(_mm512_cvtepi32_ps(q), scale), set(scalar::kInverse127)));
  }
  template <ElementType T>
  static void int8Pairs(const std::uint8_t* codes, Vec scale, Vec& even, Vec& odd) {
    const __m512i pairs = _mm512_cvtepu16_epi32(load256(codes));
    even = int8Of<T>(_mm512_srai_epi32(_mm512_slli_epi32(pairs, 24), 24), scale);
    odd = int8Of<T>(_mm512_srai_epi32(_mm512_slli_epi32(pairs, 16), 24), scale);
  }

  static float sum(Vec x) {
    const __m256 y = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    const __m128 u = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(u, _mm_movehdup_ps(u)));
  }
  static float largest(Vec x) {
    const __m256 y = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 z = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    const __m128 u = _mm_max_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_max_ss(u, _mm_movehdup_ps(u)));
  }

  template <class P>
  static bool runLookedUp(P& product);  ///< in rows_avx512.h
};

}  // namespace deltascope::kernels
