// SPDX-License-Identifier: Apache-2.0
// A stable partition by class, class 0 first: each pass takes one class out of what is left. About half of a tensor's elements
// have the largest exponent, half of the rest the next, and so on, so that all passes together read the tile about twice.
#include "core/codec/sparse_tile.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#define DELTASCOPE_COMPRESS __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2,popcnt")))
#endif

namespace deltascope {
namespace {

static_assert(kTileElements == 1u << 12 && kSparseClasses == 16, "a position and a class share 16 bits");
using Keys = std::array<std::uint16_t, kTileElements + 32>;  // class << 12 | position

/// Returns a bit for each class that occurs.
template <class T>
std::uint32_t makeKeys(const SparseType& type, unsigned top, const std::byte* values, std::size_t count, Keys& keys) {
  const auto shift = type.exponentShift;
  const auto mask = static_cast<T>(type.exponentMask);
  std::uint32_t present = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto exponent = static_cast<T>(static_cast<T>(loadAs<T>(values + i * sizeof(T)) >> shift) & mask);
    const auto below = static_cast<std::int32_t>(top - static_cast<std::uint32_t>(exponent));
    const auto c = static_cast<std::uint32_t>(std::clamp(below, 0, int{kSparseClasses} - 1));
    keys[i] = static_cast<std::uint16_t>(c << 12 | i);
    present |= 1u << c;
  }
  return present;
}

/// Moves the keys below `bound` to `into` without their class, the others to the front; returns how many were moved.
std::size_t takeScalar(Keys& keys, std::size_t count, std::uint32_t bound, std::uint16_t* into) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto key = keys[i];
    into[taken] = key & 0xfffu;
    keys[i - taken] = key;
    taken += key < bound;
  }
  return taken;
}

void partitionScalar(Keys& keys, std::uint32_t present, std::size_t count, SparseOrder& into) {
  std::uint32_t at = 0;
  for (std::uint32_t c = 0; c < kSparseClasses; ++c) {
    into.begin[c] = at;
    into.size[c] =
        present >> c & 1 ? static_cast<std::uint32_t>(takeScalar(keys, count, (c + 1) << 12, into.order.data() + at)) : 0;
    at += into.size[c];
    count -= into.size[c];
  }
}

#if defined(__x86_64__)
DELTASCOPE_COMPRESS __m512i keysOf(__m512i exponents, __m512i top, unsigned i) {
  const __m512i classes = _mm512_min_epu16(_mm512_subs_epu16(top, exponents), _mm512_set1_epi16(15));
  alignas(64) static constexpr std::uint16_t kIota[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                          16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  const __m512i positions = _mm512_or_si512(_mm512_set1_epi16(static_cast<short>(i)), _mm512_load_si512(kIota));
  return _mm512_or_si512(_mm512_slli_epi16(classes, 12), positions);
}

/// The first pass makes the keys as it goes; a key past the tile's end is in neither part.
DELTASCOPE_COMPRESS void partitionAvx512(const SparseType& type, unsigned top, const std::byte* values, std::size_t count,
                                         SparseOrder& into) {
  alignas(64) Keys keys;
  const __m512i tops = _mm512_set1_epi16(static_cast<short>(top));
  const __m512i positionMask = _mm512_set1_epi16(0xfff);
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(type.exponentShift));
  std::size_t taken = 0, left = 0;
  for (std::size_t i = 0; i < count; i += 32) {
    const __mmask32 valid = count - i >= 32 ? 0xffffffffu : (1u << (count - i)) - 1;
    __m512i exponents;
    if (type.bits == 32) {
      const auto half = [&](std::size_t h) __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2,popcnt"))) {
        const __m512i v = _mm512_maskz_loadu_epi32(static_cast<__mmask16>(valid >> 16 * h), values + (i + 16 * h) * 4);
        return _mm512_cvtepi32_epi16(_mm512_and_si512(_mm512_srl_epi32(v, shift), _mm512_set1_epi32(0xff)));
      };
      exponents = _mm512_inserti64x4(_mm512_castsi256_si512(half(0)), half(1), 1);
    } else {
      const __m512i v = _mm512_maskz_loadu_epi16(valid, values + i * 2);
      exponents = _mm512_and_si512(_mm512_srl_epi16(v, shift), _mm512_set1_epi16(static_cast<short>(type.exponentMask)));
    }
    const __m512i key = keysOf(exponents, tops, static_cast<unsigned>(i));
    const __mmask32 in = _mm512_mask_cmplt_epu16_mask(valid, key, _mm512_set1_epi16(1 << 12)), out = valid & ~in;
    _mm512_storeu_si512(into.order.data() + taken, _mm512_maskz_compress_epi16(in, key));
    _mm512_storeu_si512(keys.data() + left, _mm512_maskz_compress_epi16(out, key));
    taken += static_cast<std::size_t>(_mm_popcnt_u32(in));
    left += static_cast<std::size_t>(_mm_popcnt_u32(out));
  }
  into.begin[0] = 0;
  into.size[0] = static_cast<std::uint32_t>(taken);
  for (std::uint32_t c = 1; c < kSparseClasses; ++c) {
    const auto n = left;
    into.begin[c] = static_cast<std::uint32_t>(taken);
    const __m512i bound = _mm512_set1_epi16(static_cast<short>((c << 12) + 0xfff));
    left = 0;
    for (std::size_t i = 0; i < n; i += 32) {
      const __mmask32 valid = n - i >= 32 ? 0xffffffffu : (1u << (n - i)) - 1;
      const __m512i key = _mm512_loadu_si512(keys.data() + i);
      const __mmask32 in = _mm512_mask_cmple_epu16_mask(valid, key, bound), out = valid & ~in;
      _mm512_storeu_si512(into.order.data() + taken, _mm512_maskz_compress_epi16(in, _mm512_and_si512(key, positionMask)));
      _mm512_storeu_si512(keys.data() + left, _mm512_maskz_compress_epi16(out, key));
      taken += static_cast<std::size_t>(_mm_popcnt_u32(in));
      left += static_cast<std::size_t>(_mm_popcnt_u32(out));
    }
    into.size[c] = static_cast<std::uint32_t>(taken) - into.begin[c];
  }
}
#endif

}  // namespace

void orderTile(const SparseType& type, unsigned top, const std::byte* values, std::size_t count, SparseOrder& into,
               [[maybe_unused]] kernels::Isa isa) {
#if defined(__x86_64__)
  if (isa == kernels::Isa::Avx512 && __builtin_cpu_supports("avx512vbmi2"))
    return partitionAvx512(type, top, values, count, into);
#endif
  Keys keys;
  const auto present = type.bits == 32 ? makeKeys<std::uint32_t>(type, top, values, count, keys)
                                       : makeKeys<std::uint16_t>(type, top, values, count, keys);
  partitionScalar(keys, present, count, into);
}

}  // namespace deltascope
