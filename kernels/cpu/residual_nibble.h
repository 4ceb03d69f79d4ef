// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the fused decoders of four-bit bases share: a block's anchors depend on its absmax and the code alone, so a block has
/// sixteen, which one register holds.
#include "kernels/cpu/target.h"
#include "kernels/half.h"
#include "kernels/residual.h"

#if DELTASCOPE_X86
#include <immintrin.h>

namespace deltascope::kernels {

/// The smallest block of the fused decoders; a tile has at most this many of them.
inline constexpr std::size_t kNibbleBlock = 32;
struct AnchorTables {
  alignas(64) std::uint16_t of[kTile / kNibbleBlock][16];
};

/// Whole tiles of ordinary four-bit bases. An edge that is not finite (which no fitted model has) would not round alike
/// everywhere.
inline bool fusesNibbles(const AnchorRule& rule, const TileBase& base) {
  if (rule.kind != AnchorKind::Nibble || base.count != kTile || base.group < kNibbleBlock) return false;
  const unsigned top = rule.half == ElementType::BF16 ? 0x7f80 : 0x7c00;
  unsigned wrong = 0;
  for (const auto lo : rule.lo) wrong |= (lo & top) == top;
  return !wrong;
}

/// The anchors of every block of a whole tile, with usable scales as AnchorKind::Nibble says.
DELTASCOPE_AVX512 inline void fillAnchorTables(const AnchorRule& rule, const TileBase& base, AnchorTables& tables) {
  const __m256i edges = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rule.lo.data()));
  const std::size_t blocks = kTile / base.group;
  if (rule.half == ElementType::F16) {
    const __m512 lo = _mm512_cvtph_ps(edges);
    for (std::size_t b = 0; b < blocks; ++b) {
      const __m512 scale = _mm512_set1_ps(fromF16(toF16KeepingNan(base.scales[b])));
      _mm256_store_si256(reinterpret_cast<__m256i*>(tables.of[b]),
                         _mm512_cvtps_ph(_mm512_mul_ps(lo, scale), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
    return;
  }
  const __m512 lo = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(edges), 16));
  const __m512i half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1), upper = _mm512_set1_epi32(-0x10000);
  for (std::size_t b = 0; b < blocks; ++b) {
    const __m512 scale = _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(_mm512_set1_ps(base.scales[b])), upper));
    const __m512i product = _mm512_castps_si512(_mm512_mul_ps(lo, scale));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(product, 16), one);
    const __m512i rounded = _mm512_add_epi32(product, _mm512_add_epi32(half, odd));
    _mm256_store_si256(reinterpret_cast<__m256i*>(tables.of[b]), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
  }
}

}  // namespace deltascope::kernels
#endif
