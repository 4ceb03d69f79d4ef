// SPDX-License-Identifier: Apache-2.0
#pragma once
/// ScalarLanes' operations on two registers. Only for translation units that are compiled for AVX2, FMA and F16C.
#include <immintrin.h>

#include "kernels/cpu/lanes.h"

namespace deltascope::kernels {

struct Avx2Lanes {
  static constexpr int kRows = 2, kTokens = 2, kDirectTokens = 4, kDirectGroup = 2, kDirectRows = 4;
  struct Vec {
    __m256 a, b;  ///< lanes 0…7 and 8…15
  };

  static __m256i lanes(std::size_t n, int from) {
    const __m256i places = _mm256_add_epi32(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(from));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), places);
  }
  static Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vec set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vec load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
  static Vec loadFirst(const float* from, std::size_t n) {
    return {_mm256_maskload_ps(from, lanes(n, 0)), _mm256_maskload_ps(from + 8, lanes(n, 8))};
  }
  static __m128i load128(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
  static __m256i load256(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static __m256 widen(__m128i halves) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16)); }
  static Vec loadBf16(const std::uint16_t* from) { return {widen(load128(from)), widen(load128(from + 8))}; }
  static void store(float* into, Vec x) {
    _mm256_storeu_ps(into, x.a);
    _mm256_storeu_ps(into + 8, x.b);
  }
  static void storeFirst(float* into, Vec x, std::size_t n) {
    _mm256_maskstore_ps(into, lanes(n, 0), x.a);
    _mm256_maskstore_ps(into + 8, lanes(n, 8), x.b);
  }

  static Vec add(Vec x, Vec y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  static Vec sub(Vec x, Vec y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  static Vec mul(Vec x, Vec y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  static Vec div(Vec x, Vec y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  static Vec max(Vec x, Vec y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  static Vec min(Vec x, Vec y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
  static Vec fma(Vec x, Vec y, Vec z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  static Vec fmaFirst(Vec x, Vec y, Vec z, std::size_t n) {
    const Vec all = fma(x, y, z);
    return {_mm256_blendv_ps(z.a, all.a, _mm256_castsi256_ps(lanes(n, 0))),
            _mm256_blendv_ps(z.b, all.b, _mm256_castsi256_ps(lanes(n, 8)))};
  }
  static __m256 up23(__m256 x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 23)); }
  static Vec bitsUp23(Vec x) { return {up23(x.a), up23(x.b)}; }

  static __m256 middleSwapped(__m256 x) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), _MM_SHUFFLE(3, 1, 2, 0)));
  }
  /// 16 floats as those at even and those at odd places.
  static void splitHalf(const float* from, __m256& even, __m256& odd) {
    const __m256 x = _mm256_loadu_ps(from), y = _mm256_loadu_ps(from + 8);
    even = middleSwapped(_mm256_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0)));
    odd = middleSwapped(_mm256_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1)));
  }
  static void split(const float* from, Vec& even, Vec& odd) {
    splitHalf(from, even.a, odd.a);
    splitHalf(from + 16, even.b, odd.b);
  }

  template <ElementType T>
  static __m256 roundHalf(__m256 x) {
    if constexpr (T == ElementType::F32) return x;
    if constexpr (T == ElementType::F16) return _mm256_cvtph_ps(_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i rounded = _mm256_and_si256(sum, _mm256_set1_epi32(static_cast<int>(0xFFFF0000)));
    return _mm256_blendv_ps(_mm256_castsi256_ps(rounded), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
  template <ElementType T>
  static Vec roundTo(Vec x) {
    return {roundHalf<T>(x.a), roundHalf<T>(x.b)};
  }

  /// Words below 2^16.
  static __m128i narrow(__m256i words) {
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(words, words), _MM_SHUFFLE(3, 1, 2, 0)));
  }
  template <ElementType T>
  static void loadHalfPairs(const std::byte* from, __m256& even, __m256& odd) {
    const __m256i both = load256(from);
    const __m256i high = _mm256_and_si256(both, _mm256_set1_epi32(static_cast<int>(0xFFFF0000)));
    if constexpr (T == ElementType::BF16) {
      even = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
      odd = _mm256_castsi256_ps(high);
    } else {
      even = _mm256_cvtph_ps(narrow(_mm256_and_si256(both, _mm256_set1_epi32(0xFFFF))));
      odd = _mm256_cvtph_ps(narrow(_mm256_srli_epi32(high, 16)));
    }
  }
  template <ElementType T>
  static void loadPairs(const std::byte* from, Vec& even, Vec& odd) {
    if constexpr (T == ElementType::F32) {
      split(reinterpret_cast<const float*>(from), even, odd);
    } else {
      loadHalfPairs<T>(from, even.a, odd.a);
      loadHalfPairs<T>(from + 32, even.b, odd.b);
    }
  }
  static __m256 lookUp(__m256i index, Vec values) {
    const __m256 bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));  // blendv looks at the sign
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(values.a, index), _mm256_permutevar8x32_ps(values.b, index), bit3);
  }
  static void lookUpPairs(const std::uint8_t* codes, Vec values, Vec& even, Vec& odd) {
    const __m128i bytes = load128(codes);
    const __m256i low = _mm256_cvtepu8_epi32(bytes), high = _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
    even = {lookUp(_mm256_srli_epi32(low, 4), values), lookUp(_mm256_srli_epi32(high, 4), values)};
    odd = {lookUp(low, values), lookUp(high, values)};
  }
  template <ElementType T>
  static __m256 int8Of(__m256i words, __m256 scale) {
    const __m256 q = _mm256_cvtepi32_ps(_mm256_srai_epi32(words, 24));
    return roundHalf<T>(_mm256_mul_ps(_mm256_mul_ps(q, scale), _mm256_set1_ps(scalar::kInverse127)));
  }
  template <ElementType T>
  static void int8Pairs(const std::uint8_t* codes, Vec scale, Vec& even, Vec& odd) {
    const __m256i low = _mm256_cvtepu16_epi32(load128(codes)), high = _mm256_cvtepu16_epi32(load128(codes + 16));
    even = {int8Of<T>(_mm256_slli_epi32(low, 24), scale.a), int8Of<T>(_mm256_slli_epi32(high, 24), scale.b)};
    odd = {int8Of<T>(_mm256_slli_epi32(low, 16), scale.a), int8Of<T>(_mm256_slli_epi32(high, 16), scale.b)};
  }

  static float sum(Vec x) {
    const __m256 y = _mm256_add_ps(x.a, x.b);
    const __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    const __m128 u = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(u, _mm_movehdup_ps(u)));
  }
  static float largest(Vec x) {
    const __m256 y = _mm256_max_ps(x.a, x.b);
    const __m128 z = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    const __m128 u = _mm_max_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_max_ss(u, _mm_movehdup_ps(u)));
  }

  /// Products of weights that these lanes read in a way of their own; false where this is none.
  static bool runLookedUp(auto&) { return false; }
};

}  // namespace deltascope::kernels
