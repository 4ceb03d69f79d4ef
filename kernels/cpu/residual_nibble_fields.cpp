// SPDX-License-Identifier: Apache-2.0
// Fixed fields over a four-bit base, from codes and bits straight to finals: nothing in between is stored.
#include "kernels/backend.h"
#include "kernels/cpu/residual_nibble.h"

namespace deltascope::kernels {

#if DELTASCOPE_X86
namespace {

constexpr std::uint8_t kMostWidth = 14;  // four fields and up to seven bits before them fit a 64-bit window

/// Constants of the loop below; byte k of a 64-bit lane, lane by lane.
struct FieldConstants {
  alignas(64) std::uint8_t reversed[64];    ///< 7 − k: a window's bytes, most significant bit of the stream first
  alignas(64) std::uint8_t totals[2][64];   ///< where group k of a half has its total
  alignas(64) std::uint8_t doubled[2][64];  ///< weight 4 · lane + k / 2 of a half
};
constexpr FieldConstants fieldConstants() {
  FieldConstants c{};
  for (unsigned i = 0; i < 64; ++i) {
    c.reversed[i] = static_cast<std::uint8_t>(7 - i % 8);
    for (unsigned h = 0; h < 2; ++h) {
      c.totals[h][i] = static_cast<std::uint8_t>(32 * h + 4 * (i % 8) + 3);
      c.doubled[h][i] = static_cast<std::uint8_t>(32 * h + i / 2);
    }
  }
  return c;
}
constexpr FieldConstants kConstants = fieldConstants();
/// Lane l > 0 sums the totals before it; lane 0, where nothing is before, all eight.
constexpr __mmask64 kBefore = 0x7f3f1f0f070301ff;

/// Weights are taken in groups of four, whose fields end within 64 bits of the group's first byte; eight groups (half of what
/// a register of codes holds) start within one register of the stream.
DELTASCOPE_AVX512 void decodeAvx512(const AnchorRule& rule, const FieldTable& table, const TileBase& base,
                                    const std::byte* words, std::byte* final) {
  AnchorTables anchors;
  fillAnchorTables(rule, base, anchors);
  alignas(64) std::uint16_t maskTable[32] = {}, signTable[32] = {};
  for (std::size_t c = 0; c < 16; ++c) {
    signTable[c] = static_cast<std::uint16_t>(table.isSigned[c] ? 1u << (table.width[c] - 1) : 0);
    maskTable[c] = static_cast<std::uint16_t>(((1u << table.width[c]) - 1) & ~unsigned{signTable[c]});
  }
  const __m512i masks = _mm512_load_si512(maskTable), signs = _mm512_load_si512(signTable);
  const __m512i widths = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table.width.data())));
  const __m512i low4 = _mm512_set1_epi8(15), three = _mm512_set1_epi8(3), seven = _mm512_set1_epi64(7);
  const __m512i zero = _mm512_setzero_si512(), bit15 = _mm512_set1_epi16(-0x8000), highByte = _mm512_set1_epi16(0x0800);
  const __m512i reversed = _mm512_load_si512(kConstants.reversed);
  const auto shift = static_cast<unsigned>(__builtin_ctzll(base.group));
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < kTile; i += 64) {
    const __m512i pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(base.codes + i / 2)));
    const __m512i code = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi16(pairs, 4), _mm512_slli_epi16(pairs, 8)), low4);
    const __m512i width = _mm512_shuffle_epi8(widths, code);
    __m512i end = _mm512_add_epi8(width, _mm512_slli_epi32(width, 8));
    end = _mm512_add_epi8(end, _mm512_slli_epi32(end, 16));
    const __m256i codes[2] = {_mm512_castsi512_si256(code), _mm512_extracti64x4_epi64(code, 1)};
#pragma GCC unroll 2
    for (std::size_t h = 0; h < 2; ++h) {
      const __m512i totals = _mm512_maskz_permutexvar_epi8(kBefore, _mm512_load_si512(kConstants.totals[h]), end);
      const __m512i before = _mm512_sad_epu8(totals, zero);
      const __m512i first = _mm512_set1_epi64(at & 31);
      const __m512i start = _mm512_mask_add_epi64(first, 0xfe, first, before);
      const __m512i place = _mm512_xor_si512(_mm512_add_epi8(_mm512_multishift_epi64_epi8(three, start), reversed), three);
      __m512i window = _mm512_permutexvar_epi8(place, _mm512_loadu_si512(words + std::size_t{at >> 5} * 4));
      window = _mm512_sllv_epi64(window, _mm512_and_si512(start, seven));
      const __m512i ends = _mm512_permutexvar_epi8(_mm512_load_si512(kConstants.doubled[h]), end);
      const __m512i raw = _mm512_multishift_epi64_epi8(_mm512_sub_epi8(highByte, ends), window);
      const __m512i c = _mm512_cvtepu8_epi16(codes[h]);
      const __m512i field = _mm512_and_si512(raw, _mm512_permutexvar_epi16(c, masks));
      const __mmask32 negative = _mm512_test_epi16_mask(raw, _mm512_permutexvar_epi16(c, signs));
      const std::uint16_t* block = anchors.of[(i + 32 * h) >> shift];
      const __m512i edges = _mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(block)));
      const __m512i x = _mm512_mask_add_epi16(field, negative, field, bit15);
      _mm512_storeu_si512(final + 2 * (i + 32 * h), _mm512_add_epi32(x, _mm512_permutexvar_epi16(c, edges)));
      at += static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(before)));
    }
  }
}

bool fuses(const AnchorRule& rule, const FieldTable& table, const TileBase& base) {
  if (rule.mantissaBits != 0 || !fusesNibbles(rule, base)) return false;
  bool fits = true;
  for (std::size_t c = 0; c < 16; ++c) fits &= table.width[c] <= kMostWidth && table.offset[c] == 0;
  return fits;
}

}  // namespace
#endif

bool decodeNibbleFieldTile(const AnchorRule& rule, const FieldTable& table, const TileBase& base, const std::byte* words,
                           std::byte* final, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512 && fuses(rule, table, base)) return decodeAvx512(rule, table, base, words, final), true;
#else
  (void)rule, (void)table, (void)base, (void)words, (void) final, (void)isa;
#endif
  return false;
}

}  // namespace deltascope::kernels
