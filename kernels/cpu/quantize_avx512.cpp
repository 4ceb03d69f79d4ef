// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/quantize_float.h"
#include "kernels/cpu/quantize_scalar.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx2,f16c,fma")

namespace deltascope::kernels {
namespace {

template <ElementType T>
__m512 load16(const std::byte* from) {
  if constexpr (T == ElementType::F32) return _mm512_loadu_ps(from);
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  if constexpr (T == ElementType::F16) return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/// Bit patterns of 16 floats in `T`, in the low half of each lane.
template <ElementType T>
__m512i round16(__m512 x) {
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i bits = _mm512_castps_si512(x);
  if constexpr (T == ElementType::F32) return _mm512_mask_mov_epi32(bits, nan, _mm512_set1_epi32(kNanBits));
  if constexpr (T == ElementType::F16) {
    const __m512i half = _mm512_cvtepu16_epi32(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    return _mm512_mask_mov_epi32(half, nan, _mm512_set1_epi32(0x7E00));
  }
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
  return _mm512_mask_mov_epi32(_mm512_srli_epi32(sum, 16), nan, _mm512_set1_epi32(0x7FC0));
}

template <ElementType T>
void store16(__m512 x, std::byte* into) {
  const __m512i bits = round16<T>(x);
  if constexpr (T == ElementType::F32) {
    _mm512_storeu_si512(into, bits);
  } else {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(into), _mm512_cvtepi32_epi16(bits));
  }
}

/// Largest magnitude of `n` weights, as its bits.
template <ElementType T>
std::uint32_t largest(const std::byte* from, std::size_t n) {
  if constexpr (T == ElementType::F32) {
    const __m512i mask = _mm512_set1_epi32(0x7FFFFFFF);
    __m512i top = _mm512_setzero_si512();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) top = _mm512_max_epu32(top, _mm512_and_si512(mask, _mm512_loadu_si512(from + 4 * i)));
    if (i < n) {
      const auto rest = static_cast<__mmask16>((1u << (n - i)) - 1);
      top = _mm512_max_epu32(top, _mm512_and_si512(mask, _mm512_maskz_loadu_epi32(rest, from + 4 * i)));
    }
    return _mm512_reduce_max_epu32(top);
  } else {
    const __m512i mask = _mm512_set1_epi16(0x7FFF);
    __m512i top = _mm512_setzero_si512();
    std::size_t i = 0;
    for (; i + 32 <= n; i += 32) top = _mm512_max_epu16(top, _mm512_and_si512(mask, _mm512_loadu_si512(from + 2 * i)));
    if (i < n) {
      const auto rest = static_cast<__mmask32>((1u << (n - i)) - 1);
      top = _mm512_max_epu16(top, _mm512_and_si512(mask, _mm512_maskz_loadu_epi16(rest, from + 2 * i)));
    }
    const __m256i half = _mm256_max_epu16(_mm512_castsi512_si256(top), _mm512_extracti64x4_epi64(top, 1));
    const __m128i quarter = _mm_max_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    const __m128i ones = _mm_set1_epi16(-1);  // minpos finds a minimum: search the complement
    return 0xFFFFu ^ static_cast<std::uint32_t>(_mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(quarter, ones)), 0));
  }
}

template <ElementType T>
void absmaxT(const std::byte* weights, std::size_t n, std::size_t run, float* into) {
  for (std::size_t begin = 0; begin < n; begin += run)
    *into++ = magnitudeToFloat(T, largest<T>(weights + begin * bytesOf(T), std::min(run, n - begin)));
}

/// Thirty-one buckets over [-1, 1], found by rounding y · 15: each holds at most one boundary, `bound`, and `base` counts those
/// of lower buckets. Boundaries that share a bucket with another (FP4 has three about zero) are `extra` and compared one by
/// one. As rounding is monotonous, base + (y > bound) + (y > extra)… is exactly the rank.
struct Buckets {
  alignas(64) std::array<float, 32> bound;
  alignas(64) std::array<std::int32_t, 32> base{};
  alignas(64) std::array<std::int32_t, 16> order{};
  std::array<float, 15> extra{};
  std::size_t extras = 0;
};
constexpr float kMagic = 0x1.8p23f;  // adding it leaves the rounded integer in the low bits of the mantissa

Buckets makeBuckets(const FourBitCode& code) {
  Buckets b;
  b.bound.fill(std::bit_cast<float>(kInfinityBits));
  std::array<bool, 32> taken{};
  for (float boundary : code.boundaries) {
    const auto bucket = static_cast<int>(std::bit_cast<std::uint32_t>(std::fma(boundary, 15.0f, kMagic)) & 31);
    if (taken[static_cast<std::size_t>(bucket)]) {
      b.extra[b.extras++] = boundary;
      continue;
    }
    taken[static_cast<std::size_t>(bucket)] = true;
    b.bound[static_cast<std::size_t>(bucket)] = boundary;
    const int signedBucket = bucket >= 16 ? bucket - 32 : bucket;
    for (int above = signedBucket + 1; above <= 15; ++above) ++b.base[static_cast<std::size_t>(above & 31)];
  }
  std::copy(code.order.begin(), code.order.end(), b.order.begin());
  return b;
}

struct Search {
  __m512 bound0, bound1, inverse;
  __m512i base0, base1, order;
};

template <bool kExtras>
__m512i codes16(const Search& s, const Buckets& b, __m512 x) {
  const __m512 y = _mm512_mul_ps(x, s.inverse);
  const __m512i bucket = _mm512_castps_si512(_mm512_fmadd_ps(y, _mm512_set1_ps(15.0f), _mm512_set1_ps(kMagic)));
  const __m512i one = _mm512_set1_epi32(1);
  const __mmask16 above = _mm512_cmp_ps_mask(y, _mm512_permutex2var_ps(s.bound0, bucket, s.bound1), _CMP_GT_OQ);
  __m512i rank = _mm512_permutex2var_epi32(s.base0, bucket, s.base1);
  rank = _mm512_mask_add_epi32(rank, above, rank, one);
  if constexpr (kExtras) {
    for (std::size_t e = 0; e < b.extras; ++e)
      rank = _mm512_mask_add_epi32(rank, _mm512_cmp_ps_mask(y, _mm512_set1_ps(b.extra[e]), _CMP_GT_OQ), rank, one);
    return _mm512_permutexvar_epi32(rank, s.order);
  }
  return rank;
}

/// 32 weights as those at even and those at odd positions.
template <ElementType T>
void loadPairs(const std::byte* from, __m512& even, __m512& odd) {
  if constexpr (T == ElementType::BF16) {
    const __m512i both = _mm512_loadu_si512(from);
    even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
    odd = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xFFFF0000))));
  } else {
    const __m512 low = load16<T>(from), high = load16<T>(from + 16 * bytesOf(T));
    const __m512i pick = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    even = _mm512_permutex2var_ps(low, pick, high);
    odd = _mm512_permutex2var_ps(low, _mm512_add_epi32(pick, _mm512_set1_epi32(1)), high);
  }
}

template <ElementType T, bool kExtras>
void quantize4bitT(const FourBitCode& code, const Buckets& b, const std::byte* weights, std::size_t n, std::size_t block,
                   std::uint8_t* codes, float* absmaxes) {
  Search s;
  s.bound0 = _mm512_load_ps(b.bound.data());
  s.bound1 = _mm512_load_ps(b.bound.data() + 16);
  s.base0 = _mm512_load_si512(b.base.data());
  s.base1 = _mm512_load_si512(b.base.data() + 16);
  s.order = _mm512_load_si512(b.order.data());
  for (std::size_t begin = 0; begin < n; begin += block, codes += block / 2) {
    const std::byte* from = weights + begin * bytesOf(T);
    const float absmax = magnitudeToFloat(T, largest<T>(from, block));
    if (!isFinite(absmax)) {
      scalar::quantize4bit(code, T, from, block, block, codes, absmaxes++);
      continue;
    }
    *absmaxes++ = absmax;
    s.inverse = _mm512_set1_ps(1.0f / std::max(absmax, kSmallestAbsmax));
    for (std::size_t i = 0; i < block; i += 32) {
      __m512 even, odd;
      loadPairs<T>(from + i * bytesOf(T), even, odd);
      const __m512i high = _mm512_slli_epi32(codes16<kExtras>(s, b, even), 4);
      const __m512i bytes = _mm512_or_si512(high, codes16<kExtras>(s, b, odd));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i / 2), _mm512_cvtepi32_epi8(bytes));
    }
  }
}

/// 32 codes, one a byte, from 16 bytes. A 16-bit lane holds high nibble, then low nibble, in memory order.
__m256i nibbles32(const std::uint8_t* codes) {
  const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
  return _mm256_and_si256(_mm256_or_si256(_mm256_srli_epi16(wide, 4), _mm256_slli_epi16(wide, 8)), _mm256_set1_epi8(15));
}

/// A block has only sixteen different results: they are rounded once and looked up.
template <ElementType T>
void dequantize4bitT(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, std::size_t block,
                     const float* absmaxes, std::byte* into) {
  const __m512 values = _mm512_loadu_ps(code.values.data());
  for (std::size_t begin = 0; begin < n; begin += block, codes += block / 2, into += block * bytesOf(T)) {
    const __m512i results = round16<T>(_mm512_mul_ps(values, _mm512_set1_ps(*absmaxes++)));
    if constexpr (T == ElementType::F32) {
      for (std::size_t i = 0; i < block; i += 32) {
        const __m256i nibbles = nibbles32(codes + i / 2);
        const __m512i first = _mm512_cvtepu8_epi32(_mm256_castsi256_si128(nibbles));
        const __m512i second = _mm512_cvtepu8_epi32(_mm256_extracti128_si256(nibbles, 1));
        _mm512_storeu_si512(into + 4 * i, _mm512_permutexvar_epi32(first, results));
        _mm512_storeu_si512(into + 4 * i + 64, _mm512_permutexvar_epi32(second, results));
      }
    } else {
      const __m512i table = _mm512_castsi256_si512(_mm512_cvtepi32_epi16(results));
      for (std::size_t i = 0; i < block; i += 32)
        _mm512_storeu_si512(into + 2 * i, _mm512_permutexvar_epi16(_mm512_cvtepu8_epi16(nibbles32(codes + i / 2)), table));
    }
  }
}

template <ElementType T>
void quantizeInt8T(const std::byte* weights, std::size_t n, float factor, std::int8_t* codes) {
  const __m512 f = _mm512_set1_ps(factor), limit = _mm512_set1_ps(127.0f);
  const __m512 infinity = _mm512_castsi512_ps(_mm512_set1_epi32(kInfinityBits));
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m512 y = _mm512_mul_ps(load16<T>(weights + i * bytesOf(T)), f);
    const __mmask16 finite = _mm512_cmp_ps_mask(_mm512_abs_ps(y), infinity, _CMP_LT_OQ);
    const __m512 held = _mm512_max_ps(_mm512_min_ps(y, limit), _mm512_sub_ps(_mm512_setzero_ps(), limit));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i), _mm512_cvtepi32_epi8(_mm512_maskz_cvtps_epi32(finite, held)));
  }
  scalar::quantizeInt8(T, weights + i * bytesOf(T), n - i, factor, codes + i);
}

template <ElementType T>
void dequantizeInt8T(const std::int8_t* codes, std::size_t n, float scale, std::byte* into) {
  const __m512 s = _mm512_set1_ps(scale), inverse = _mm512_set1_ps(scalar::kInverse127);
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i));
    const __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    store16<T>(_mm512_mul_ps(_mm512_mul_ps(q, s), inverse), into + i * bytesOf(T));
  }
  scalar::dequantizeInt8(codes + i, n - i, scale, T, into + i * bytesOf(T));
}

template <ElementType T>
void toFloatT(const std::byte* from, std::size_t n, float* into) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) _mm512_storeu_ps(into + i, load16<T>(from + i * bytesOf(T)));
  scalar::toFloat(T, from + i * bytesOf(T), n - i, into + i);
}

template <ElementType T>
void fromFloatT(const float* from, std::size_t n, std::byte* into) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) store16<T>(_mm512_loadu_ps(from + i), into + i * bytesOf(T));
  scalar::fromFloat(T, from + i, n - i, into + i * bytesOf(T));
}

template <ElementType T>
void quantize4bitAny(const FourBitCode& code, const std::byte* weights, std::size_t n, std::size_t block, std::uint8_t* codes,
                     float* absmaxes) {
  const Buckets b = makeBuckets(code);
  if (b.extras || !std::is_sorted(code.order.begin(), code.order.end())) {
    quantize4bitT<T, true>(code, b, weights, n, block, codes, absmaxes);
  } else {
    quantize4bitT<T, false>(code, b, weights, n, block, codes, absmaxes);
  }
}

}  // namespace
}  // namespace deltascope::kernels

#include "kernels/cpu/quantize_table_inner.h"

namespace deltascope::kernels {

const QuantizeOps kAvx512QuantizeOps = kTableOfTypes;

}  // namespace deltascope::kernels

#pragma GCC pop_options
#endif
