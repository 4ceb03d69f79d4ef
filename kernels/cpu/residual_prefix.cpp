// SPDX-License-Identifier: Apache-2.0
// The prefix code's decoder: 32 independent lane streams a tile, two codewords to a 32-bit window.
#include "kernels/backend.h"
#include "kernels/cpu/target.h"
#include "kernels/residual.h"

#if DELTASCOPE_X86
#include <immintrin.h>
#endif

namespace deltascope::kernels {
namespace {

/// The 32 bits from bit position `at`.
DELTASCOPE_INLINE std::uint32_t window(const std::uint32_t* words, std::uint32_t at) {
  const std::uint64_t two = static_cast<std::uint64_t>(words[at >> 5]) << 32 | words[(at >> 5) + 1];
  return static_cast<std::uint32_t>(two << (at & 31) >> 32);
}

void decodeScalar(const PrefixTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                  const std::uint32_t* start, std::size_t steps, std::uint16_t* x) {
  const std::uint32_t* entries = table.entries.data();
  const unsigned bits = table.prefixBits, top = 32 - bits;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::uint32_t at = start[lane];
    for (std::size_t step = 0; step < steps; ++step) {
      const std::uint8_t* c = contexts + step * kStep + lane * 8;
      std::uint16_t* out = x + step * kStep + lane * 8;
      for (int k = 0; k < 8; k += 2) {
        const std::uint32_t w = window(words, at);
        const std::uint32_t e0 = entries[static_cast<std::uint32_t>(c[k]) << bits | w >> top];
        const std::uint32_t shift0 = e0 & 31, length0 = 32 - shift0;
        out[k] = static_cast<std::uint16_t>((w >> shift0) + (e0 >> 16));
        const std::uint32_t w1 = static_cast<std::uint32_t>(static_cast<std::uint64_t>(w) << length0);
        const std::uint32_t e1 = entries[static_cast<std::uint32_t>(c[k + 1]) << bits | w1 >> top];
        const std::uint32_t shift1 = e1 & 31;
        out[k + 1] = static_cast<std::uint16_t>((w1 >> shift1) + (e1 >> 16));
        at += length0 + (32 - shift1);
      }
    }
  }
}

#if DELTASCOPE_X86
/// Sixteen lanes: positions in one register, and the 64 bits from the word of each on in two.
struct SixteenLanes {
  __m512i at, w0, w1;
};

/// Two codewords of each lane, x in the halves of an element.
DELTASCOPE_AVX512 DELTASCOPE_INLINE __m512i takeTwo(SixteenLanes& lanes, __m512i c0, __m512i c1, const int* entries,
                                                    const std::uint32_t* words, __m128i top) {
  const __m512i shiftMask = _mm512_set1_epi32(31), k32 = _mm512_set1_epi32(32);
  const __m512i w = _mm512_shldv_epi32(lanes.w0, lanes.w1, lanes.at);
  const __m512i e0 = _mm512_i32gather_epi32(_mm512_or_si512(c0, _mm512_srl_epi32(w, top)), entries, 4);
  const __m512i s0 = _mm512_and_si512(e0, shiftMask);
  const __m512i y0 = _mm512_add_epi32(_mm512_srlv_epi32(w, s0), _mm512_srli_epi32(e0, 16));
  const __m512i v = _mm512_sllv_epi32(w, _mm512_sub_epi32(k32, s0));
  const __m512i e1 = _mm512_i32gather_epi32(_mm512_or_si512(c1, _mm512_srl_epi32(v, top)), entries, 4);
  const __m512i s1 = _mm512_and_si512(e1, shiftMask);
  const __m512i y1 = _mm512_add_epi32(_mm512_srlv_epi32(v, s1), _mm512_srli_epi32(e1, 16));
  const __m512i used = _mm512_sub_epi32(_mm512_slli_epi32(k32, 1), _mm512_add_epi32(s0, s1));
  const __m512i next = _mm512_add_epi32(lanes.at, used);
  // At most 32 bits were used, so the window moves by no word or by one.
  const __mmask16 moved = _mm512_test_epi32_mask(_mm512_xor_si512(lanes.at, next), k32);
  lanes.at = next;
  lanes.w0 = _mm512_mask_mov_epi32(lanes.w0, moved, lanes.w1);
  const __m512i word = _mm512_add_epi32(_mm512_srli_epi32(next, 5), _mm512_set1_epi32(1));
  lanes.w1 = _mm512_mask_i32gather_epi32(lanes.w1, moved, word, words, 4);
  return _mm512_mask_blend_epi16(0xaaaaaaaa, y0, _mm512_slli_epi32(y1, 16));
}

/// Lane l's four pairs belong side by side: transposes 16 × 4.
DELTASCOPE_AVX512 DELTASCOPE_INLINE void storePairs(const __m512i (&pairs)[4], std::uint16_t* out) {
  const __m512i t0 = _mm512_unpacklo_epi32(pairs[0], pairs[1]), t1 = _mm512_unpacklo_epi32(pairs[2], pairs[3]);
  const __m512i t2 = _mm512_unpackhi_epi32(pairs[0], pairs[1]), t3 = _mm512_unpackhi_epi32(pairs[2], pairs[3]);
  const __m512i r0 = _mm512_unpacklo_epi64(t0, t1), r1 = _mm512_unpackhi_epi64(t0, t1);
  const __m512i r2 = _mm512_unpacklo_epi64(t2, t3), r3 = _mm512_unpackhi_epi64(t2, t3);
  const __m512i q0 = _mm512_shuffle_i32x4(r0, r1, 0x44), q1 = _mm512_shuffle_i32x4(r2, r3, 0x44);
  const __m512i q2 = _mm512_shuffle_i32x4(r0, r1, 0xee), q3 = _mm512_shuffle_i32x4(r2, r3, 0xee);
  _mm512_storeu_si512(out, _mm512_shuffle_i32x4(q0, q1, 0x88));
  _mm512_storeu_si512(out + 32, _mm512_shuffle_i32x4(q0, q1, 0xdd));
  _mm512_storeu_si512(out + 64, _mm512_shuffle_i32x4(q2, q3, 0x88));
  _mm512_storeu_si512(out + 96, _mm512_shuffle_i32x4(q2, q3, 0xdd));
}

/// Both halves of the lanes side by side: a codeword waits for the gather before it.
DELTASCOPE_AVX512 void decodeAvx512(const PrefixTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                                    const std::uint32_t* start, std::size_t steps, std::uint16_t* x) {
  const auto* entries = reinterpret_cast<const int*>(table.entries.data());
  const __m128i bits = _mm_cvtsi32_si128(static_cast<int>(table.prefixBits));
  const __m128i top = _mm_cvtsi32_si128(static_cast<int>(32 - table.prefixBits));
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1)), byteMask = _mm512_set1_epi32(255);
  SixteenLanes halves[2];
  for (std::size_t h = 0; h < 2; ++h) {
    halves[h].at = _mm512_loadu_si512(start + 16 * h);
    const __m512i word = _mm512_srli_epi32(halves[h].at, 5);
    halves[h].w0 = _mm512_i32gather_epi32(word, words, 4);
    halves[h].w1 = _mm512_i32gather_epi32(_mm512_add_epi32(word, _mm512_set1_epi32(1)), words, 4);
  }
  for (std::size_t step = 0; step < steps; ++step) {
    __m512i contextHalves[2][2], pairs[2][4];
    for (std::size_t h = 0; h < 2; ++h) {
      const std::uint8_t* c = contexts + step * kStep + h * 128;
      const __m512i a = _mm512_loadu_si512(c), b = _mm512_loadu_si512(c + 64);
      contextHalves[h][0] = _mm512_permutex2var_epi32(a, even, b);
      contextHalves[h][1] = _mm512_permutex2var_epi32(a, odd, b);
    }
    for (int j = 0; j < 4; ++j) {
      for (int h = 0; h < 2; ++h) {
        const __m512i cc = _mm512_srli_epi32(contextHalves[h][j / 2], static_cast<unsigned>(16 * (j % 2)));
        const __m512i c0 = _mm512_sll_epi32(_mm512_and_si512(cc, byteMask), bits);
        const __m512i c1 = _mm512_sll_epi32(_mm512_and_si512(_mm512_srli_epi32(cc, 8), byteMask), bits);
        pairs[h][j] = takeTwo(halves[h], c0, c1, entries, words, top);
      }
    }
    for (std::size_t h = 0; h < 2; ++h) storePairs(pairs[h], x + step * kStep + h * 128);
  }
}

DELTASCOPE_AVX2 void decodeAvx2(const PrefixTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                                const std::uint32_t* start, std::size_t steps, std::uint16_t* x) {
  const auto* entries = reinterpret_cast<const int*>(table.entries.data());
  const auto* stream = reinterpret_cast<const int*>(words);
  const __m128i bits = _mm_cvtsi32_si128(static_cast<int>(table.prefixBits));
  const __m128i top = _mm_cvtsi32_si128(static_cast<int>(32 - table.prefixBits));
  const __m256i byteMask = _mm256_set1_epi32(255), shiftMask = _mm256_set1_epi32(31), k32 = _mm256_set1_epi32(32);
  const __m256i low16 = _mm256_set1_epi32(0xffff), one = _mm256_set1_epi32(1);
  const __m256i lanes = _mm256_setr_epi32(0, 8, 16, 24, 32, 40, 48, 56);
  for (std::size_t eight = 0; eight < 4; ++eight) {
    __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(start + 8 * eight));
    for (std::size_t step = 0; step < steps; ++step) {
      const auto* c = reinterpret_cast<const int*>(contexts + step * kStep + eight * 64);
      const __m256i contextHalves[2] = {_mm256_i32gather_epi32(c, lanes, 1), _mm256_i32gather_epi32(c + 1, lanes, 1)};
      __m256i pairs[4];
      for (int j = 0; j < 4; ++j) {
        const __m256i cc = _mm256_srli_epi32(contextHalves[j / 2], 16 * (j % 2));
        const __m256i c0 = _mm256_sll_epi32(_mm256_and_si256(cc, byteMask), bits);
        const __m256i c1 = _mm256_sll_epi32(_mm256_and_si256(_mm256_srli_epi32(cc, 8), byteMask), bits);
        const __m256i word = _mm256_srli_epi32(at, 5), within = _mm256_and_si256(at, shiftMask);
        const __m256i w0 = _mm256_i32gather_epi32(stream, word, 4);
        const __m256i w1 = _mm256_i32gather_epi32(stream, _mm256_add_epi32(word, one), 4);
        const __m256i w = _mm256_or_si256(_mm256_sllv_epi32(w0, within), _mm256_srlv_epi32(w1, _mm256_sub_epi32(k32, within)));
        const __m256i e0 = _mm256_i32gather_epi32(entries, _mm256_or_si256(c0, _mm256_srl_epi32(w, top)), 4);
        const __m256i s0 = _mm256_and_si256(e0, shiftMask);
        const __m256i y0 = _mm256_add_epi32(_mm256_srlv_epi32(w, s0), _mm256_srli_epi32(e0, 16));
        const __m256i v = _mm256_sllv_epi32(w, _mm256_sub_epi32(k32, s0));
        const __m256i e1 = _mm256_i32gather_epi32(entries, _mm256_or_si256(c1, _mm256_srl_epi32(v, top)), 4);
        const __m256i s1 = _mm256_and_si256(e1, shiftMask);
        const __m256i y1 = _mm256_add_epi32(_mm256_srlv_epi32(v, s1), _mm256_srli_epi32(e1, 16));
        pairs[j] = _mm256_or_si256(_mm256_and_si256(y0, low16), _mm256_slli_epi32(y1, 16));
        at = _mm256_add_epi32(at, _mm256_sub_epi32(_mm256_slli_epi32(k32, 1), _mm256_add_epi32(s0, s1)));
      }
      const __m256i t0 = _mm256_unpacklo_epi32(pairs[0], pairs[1]), t1 = _mm256_unpacklo_epi32(pairs[2], pairs[3]);
      const __m256i t2 = _mm256_unpackhi_epi32(pairs[0], pairs[1]), t3 = _mm256_unpackhi_epi32(pairs[2], pairs[3]);
      const __m256i r0 = _mm256_unpacklo_epi64(t0, t1), r1 = _mm256_unpackhi_epi64(t0, t1);
      const __m256i r2 = _mm256_unpacklo_epi64(t2, t3), r3 = _mm256_unpackhi_epi64(t2, t3);
      auto* out = reinterpret_cast<__m256i*>(x + step * kStep + eight * 64);
      _mm256_storeu_si256(out, _mm256_permute2x128_si256(r0, r1, 0x20));
      _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(r2, r3, 0x20));
      _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(r0, r1, 0x31));
      _mm256_storeu_si256(out + 3, _mm256_permute2x128_si256(r2, r3, 0x31));
    }
  }
}
#endif

}  // namespace

void decodePrefixTile(const PrefixTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                      const std::uint32_t* start, std::size_t steps, std::uint16_t* x, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return decodeAvx512(table, contexts, words, start, steps, x);
  if (isa == Isa::Avx2) return decodeAvx2(table, contexts, words, start, steps, x);
#else
  (void)isa;
#endif
  decodeScalar(table, contexts, words, start, steps, x);
}

}  // namespace deltascope::kernels
