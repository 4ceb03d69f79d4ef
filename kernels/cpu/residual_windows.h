// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fixed fields out of a bit stream, 32 at a time, on AVX-512.
///
/// Weights are taken in groups of four, whose fields end within 64 bits of the group's first byte; eight groups start within
/// one register of the stream. Positions are sums of widths that never leave the registers: only a scalar addition for every
/// 32 weights waits for the one before.
#include "kernels/cpu/target.h"
#include "kernels/residual.h"

#if DELTASCOPE_X86
#include <immintrin.h>

namespace deltascope::kernels {

/// What four fields may take together, and each of four: up to seven bits before them fit their 64-bit window too.
inline constexpr std::uint8_t kMostWindowBits = 57, kMostWindowWidth = 14;

/// Byte by byte of a register of eight 64-bit lanes, k being the byte in its lane.
struct WindowConstants {
  alignas(64) std::uint8_t reversed[64];    ///< 7 − k: a window's bytes, the stream's first bit uppermost
  alignas(64) std::uint8_t totals[2][64];   ///< where group k of a half has its total
  alignas(64) std::uint8_t doubled[2][64];  ///< weight 4 · lane + k / 2 of a half
};
constexpr WindowConstants windowConstants() {
  WindowConstants c{};
  for (unsigned i = 0; i < 64; ++i) {
    c.reversed[i] = static_cast<std::uint8_t>(7 - i % 8);
    for (unsigned h = 0; h < 2; ++h) {
      c.totals[h][i] = static_cast<std::uint8_t>(32 * h + 4 * (i % 8) + 3);
      c.doubled[h][i] = static_cast<std::uint8_t>(32 * h + i / 2);
    }
  }
  return c;
}
inline constexpr WindowConstants kWindows = windowConstants();

/// Where the fields of 64 weights end, counted from the start of their group of four.
DELTASCOPE_AVX512 DELTASCOPE_INLINE __m512i fieldEnds(__m512i widths) {
  const __m512i pairs = _mm512_add_epi8(widths, _mm512_slli_epi32(widths, 8));
  return _mm512_add_epi8(pairs, _mm512_slli_epi32(pairs, 16));
}

/// The fields of half `h` of 64 weights, from bit `at` of `words` on, which moves on behind them. Bits above a field are those
/// before it.
DELTASCOPE_AVX512 DELTASCOPE_INLINE __m512i takeFields(__m512i ends, std::size_t h, const std::byte* words, std::uint32_t& at) {
  // Lane l > 0 sums the totals before it; lane 0, where nothing is before, all eight.
  constexpr __mmask64 kBefore = 0x7f3f1f0f070301ff;
  const __m512i three = _mm512_set1_epi8(3), first = _mm512_set1_epi64(at & 31);
  const __m512i totals = _mm512_maskz_permutexvar_epi8(kBefore, _mm512_load_si512(kWindows.totals[h]), ends);
  const __m512i before = _mm512_sad_epu8(totals, _mm512_setzero_si512());
  const __m512i start = _mm512_mask_add_epi64(first, 0xfe, first, before);
  const __m512i byte = _mm512_add_epi8(_mm512_multishift_epi64_epi8(three, start), _mm512_load_si512(kWindows.reversed));
  const __m512i stream = _mm512_loadu_si512(words + std::size_t{at >> 5} * 4);
  __m512i window = _mm512_permutexvar_epi8(_mm512_xor_si512(byte, three), stream);  // in words the first byte is the last
  window = _mm512_sllv_epi64(window, _mm512_and_si512(start, _mm512_set1_epi64(7)));
  const __m512i own = _mm512_permutexvar_epi8(_mm512_load_si512(kWindows.doubled[h]), ends);
  at += static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(before)));
  return _mm512_multishift_epi64_epi8(_mm512_sub_epi8(_mm512_set1_epi16(0x0800), own), window);
}

}  // namespace deltascope::kernels
#endif
