// SPDX-License-Identifier: Apache-2.0
// Fixed fields over a four-bit base, from codes and bits straight to finals: nothing in between is stored.
#include "kernels/backend.h"
#include "kernels/cpu/residual_nibble.h"
#include "kernels/cpu/residual_windows.h"

namespace deltascope::kernels {

#if DELTASCOPE_X86
namespace {

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
  const __m512i low4 = _mm512_set1_epi8(15), bit15 = _mm512_set1_epi16(-0x8000);
  const auto shift = static_cast<unsigned>(__builtin_ctzll(base.group));
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < kTile; i += 64) {
    const __m512i pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(base.codes + i / 2)));
    const __m512i code = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi16(pairs, 4), _mm512_slli_epi16(pairs, 8)), low4);
    const __m512i ends = fieldEnds(_mm512_shuffle_epi8(widths, code));
    const __m256i codes[2] = {_mm512_castsi512_si256(code), _mm512_extracti64x4_epi64(code, 1)};
#pragma GCC unroll 2
    for (std::size_t h = 0; h < 2; ++h) {
      const __m512i raw = takeFields(ends, h, words, at);
      const __m512i c = _mm512_cvtepu8_epi16(codes[h]);
      const __m512i field = _mm512_and_si512(raw, _mm512_permutexvar_epi16(c, masks));
      const __mmask32 negative = _mm512_test_epi16_mask(raw, _mm512_permutexvar_epi16(c, signs));
      const __m512i x = _mm512_mask_add_epi16(field, negative, field, bit15);
      const std::uint16_t* block = anchors.of[(i + 32 * h) >> shift];
      const __m512i edges = _mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(block)));
      _mm512_storeu_si512(final + 2 * (i + 32 * h), _mm512_add_epi32(x, _mm512_permutexvar_epi16(c, edges)));
    }
  }
}

bool fuses(const AnchorRule& rule, const FieldTable& table, const TileBase& base) {
  if (rule.mantissaBits != 0 || !fusesNibbles(rule, base)) return false;
  bool fits = true;
  for (std::size_t c = 0; c < 16; ++c) fits &= table.width[c] <= kMostWindowWidth && table.offset[c] == 0;
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
