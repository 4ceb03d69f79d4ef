// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/cpu/quantize_float.h"
#include "kernels/cpu/quantize_scalar.h"

#pragma GCC push_options
#pragma GCC target("avx2,f16c")

namespace deltascope::kernels {
namespace {

__m128i loadHalf(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
__m256i loadWhole(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
void storeHalf(void* into, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(into), x); }
void storeWhole(void* into, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(into), x); }

template <ElementType T>
__m256 load8(const std::byte* from) {
  if constexpr (T == ElementType::F32) return _mm256_castsi256_ps(loadWhole(from));
  if constexpr (T == ElementType::F16) return _mm256_cvtph_ps(loadHalf(from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(loadHalf(from)), 16));
}

/// Bit patterns of 8 floats in `T`, in the low half of each lane.
template <ElementType T>
__m256i round8(__m256 x) {
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  const __m256i bits = _mm256_castps_si256(x);
  if constexpr (T == ElementType::F32) return _mm256_blendv_epi8(bits, _mm256_set1_epi32(kNanBits), nan);
  if constexpr (T == ElementType::F16) {
    const __m256i half = _mm256_cvtepu16_epi32(_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    return _mm256_blendv_epi8(half, _mm256_set1_epi32(0x7E00), nan);
  }
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
  return _mm256_blendv_epi8(_mm256_srli_epi32(sum, 16), _mm256_set1_epi32(0x7FC0), nan);
}

__m128i narrow8(__m256i words) { return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)); }

template <ElementType T>
void store8(__m256 x, std::byte* into) {
  if constexpr (T == ElementType::F32) {
    storeWhole(into, round8<T>(x));
  } else {
    storeHalf(into, narrow8(round8<T>(x)));
  }
}

/// Largest magnitude of `n` weights, as its bits.
template <ElementType T>
std::uint32_t largest(const std::byte* from, std::size_t n) {
  constexpr std::size_t kLanes = 32 / bytesOf(T);
  __m256i top = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const __m256i x = loadWhole(from + i * bytesOf(T));
    if constexpr (T == ElementType::F32) {
      top = _mm256_max_epu32(top, _mm256_and_si256(x, _mm256_set1_epi32(0x7FFFFFFF)));
    } else {
      top = _mm256_max_epu16(top, _mm256_and_si256(x, _mm256_set1_epi16(0x7FFF)));
    }
  }
  std::uint32_t result = 0;
  __m128i half;
  if constexpr (T == ElementType::F32) {
    half = _mm_max_epu32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0xB1));
    result = static_cast<std::uint32_t>(_mm_cvtsi128_si32(half));
  } else {
    half = _mm_max_epu16(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    half = _mm_minpos_epu16(_mm_xor_si128(half, _mm_set1_epi16(-1)));  // a minimum: of the complement
    result = 0xFFFFu ^ static_cast<std::uint32_t>(_mm_extract_epi16(half, 0));
  }
  for (; i < n; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, from + i * bytesOf(T), bytesOf(T));
    result = std::max(result, bits & (T == ElementType::F32 ? 0x7FFFFFFFu : 0x7FFFu));
  }
  return result;
}

template <ElementType T>
void absmaxT(const std::byte* weights, std::size_t n, std::size_t run, float* into) {
  for (std::size_t begin = 0; begin < n; begin += run)
    *into++ = magnitudeToFloat(T, largest<T>(weights + begin * bytesOf(T), std::min(run, n - begin)));
}

__m256i rank8(const FourBitCode& code, __m256 y) {
  __m256i rank = _mm256_setzero_si256();
  for (float boundary : code.boundaries)
    rank = _mm256_sub_epi32(rank, _mm256_castps_si256(_mm256_cmp_ps(y, _mm256_set1_ps(boundary), _CMP_GT_OQ)));
  return rank;
}

template <ElementType T>
void quantize4bitAny(const FourBitCode& code, const std::byte* weights, std::size_t n, std::size_t block, std::uint8_t* codes,
                     float* absmaxes) {
  const __m128i order = loadHalf(code.order.data());
  for (std::size_t begin = 0; begin < n; begin += block, codes += block / 2) {
    const std::byte* from = weights + begin * bytesOf(T);
    const float absmax = magnitudeToFloat(T, largest<T>(from, block));
    if (!isFinite(absmax)) {
      scalar::quantize4bit(code, T, from, block, block, codes, absmaxes++);
      continue;
    }
    *absmaxes++ = absmax;
    const __m256 inverse = _mm256_set1_ps(1.0f / std::max(absmax, kSmallestAbsmax));
    for (std::size_t i = 0; i < block; i += 16) {
      const __m256i first = rank8(code, _mm256_mul_ps(load8<T>(from + i * bytesOf(T)), inverse));
      const __m256i second = rank8(code, _mm256_mul_ps(load8<T>(from + (i + 8) * bytesOf(T)), inverse));
      const __m128i bytes = _mm_shuffle_epi8(order, _mm_packus_epi16(narrow8(first), narrow8(second)));
      const __m128i pairs = _mm_maddubs_epi16(bytes, _mm_set1_epi16(0x0110));  // first · 16 + second
      _mm_storel_epi64(reinterpret_cast<__m128i*>(codes + i / 2), _mm_packus_epi16(pairs, pairs));
    }
  }
}

/// A block has only sixteen different results: they are rounded once and looked up.
template <ElementType T>
void dequantize4bitT(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, std::size_t block,
                     const float* absmaxes, std::byte* into) {
  const __m256 low = _mm256_loadu_ps(code.values.data()), high = _mm256_loadu_ps(code.values.data() + 8);
  for (std::size_t begin = 0; begin < n; begin += block, codes += block / 2, into += block * bytesOf(T)) {
    const __m256 absmax = _mm256_set1_ps(*absmaxes++);
    const __m256i first = round8<T>(_mm256_mul_ps(low, absmax)), second = round8<T>(_mm256_mul_ps(high, absmax));
    const __m128i firstHalf = narrow8(first), secondHalf = narrow8(second), lowByte = _mm_set1_epi16(0xFF);
    const __m128i lowBytes = _mm_packus_epi16(_mm_and_si128(firstHalf, lowByte), _mm_and_si128(secondHalf, lowByte));
    const __m128i highBytes = _mm_packus_epi16(_mm_srli_epi16(firstHalf, 8), _mm_srli_epi16(secondHalf, 8));
    for (std::size_t i = 0; i < block; i += 16) {
      const __m128i packed = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + i / 2)));
      const __m128i nibbles =
          _mm_and_si128(_mm_or_si128(_mm_srli_epi16(packed, 4), _mm_slli_epi16(packed, 8)), _mm_set1_epi8(15));
      if constexpr (T == ElementType::F32) {
        for (int half = 0; half < 2; ++half) {
          const __m256i index = _mm256_cvtepu8_epi32(half ? _mm_srli_si128(nibbles, 8) : nibbles);
          const __m256 a = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(first, index));
          const __m256 b = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(second, index));
          const __m256 bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));  // blendv looks at the sign
          storeWhole(into + 4 * i + 32 * static_cast<std::size_t>(half), _mm256_castps_si256(_mm256_blendv_ps(a, b, bit3)));
        }
      } else {
        const __m128i l = _mm_shuffle_epi8(lowBytes, nibbles), h = _mm_shuffle_epi8(highBytes, nibbles);
        storeHalf(into + 2 * i, _mm_unpacklo_epi8(l, h));
        storeHalf(into + 2 * i + 16, _mm_unpackhi_epi8(l, h));
      }
    }
  }
}

template <ElementType T>
void quantizeInt8T(const std::byte* weights, std::size_t n, float factor, std::int8_t* codes) {
  const __m256 f = _mm256_set1_ps(factor), limit = _mm256_set1_ps(127.0f), negative = _mm256_set1_ps(-127.0f);
  const __m256 infinity = _mm256_castsi256_ps(_mm256_set1_epi32(kInfinityBits));
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 y = _mm256_mul_ps(load8<T>(weights + i * bytesOf(T)), f);
    const __m256 finite = _mm256_cmp_ps(_mm256_and_ps(y, magnitude), infinity, _CMP_LT_OQ);
    const __m256 held = _mm256_and_ps(finite, _mm256_max_ps(_mm256_min_ps(y, limit), negative));
    const __m256i q = _mm256_cvtps_epi32(held);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(codes + i), _mm_packs_epi16(words, words));
  }
  scalar::quantizeInt8(T, weights + i * bytesOf(T), n - i, factor, codes + i);
}

template <ElementType T>
void dequantizeInt8T(const std::int8_t* codes, std::size_t n, float scale, std::byte* into) {
  const __m256 s = _mm256_set1_ps(scale), inverse = _mm256_set1_ps(scalar::kInverse127);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + i));
    const __m256 q = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    store8<T>(_mm256_mul_ps(_mm256_mul_ps(q, s), inverse), into + i * bytesOf(T));
  }
  scalar::dequantizeInt8(codes + i, n - i, scale, T, into + i * bytesOf(T));
}

template <ElementType T>
void toFloatT(const std::byte* from, std::size_t n, float* into) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(into + i, load8<T>(from + i * bytesOf(T)));
  scalar::toFloat(T, from + i * bytesOf(T), n - i, into + i);
}

template <ElementType T>
void fromFloatT(const float* from, std::size_t n, std::byte* into) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) store8<T>(_mm256_loadu_ps(from + i), into + i * bytesOf(T));
  scalar::fromFloat(T, from + i, n - i, into + i * bytesOf(T));
}

}  // namespace
}  // namespace deltascope::kernels

#include "kernels/cpu/quantize_table_inner.h"

namespace deltascope::kernels {

const QuantizeOps kAvx2QuantizeOps = kTableOfTypes;

}  // namespace deltascope::kernels

#pragma GCC pop_options
#endif
