// SPDX-License-Identifier: Apache-2.0
// Anchors and contexts of a tile, and the step between finals and differences.
#include <algorithm>
#include <cstring>

#include "kernels/backend.h"
#include "kernels/cpu/target.h"
#include "kernels/half.h"
#include "kernels/ordered.h"
#include "kernels/residual.h"
#include "kernels/shared/contexts.h"

#if DELTASCOPE_X86
#include <immintrin.h>
#endif

namespace deltascope::kernels {
namespace {

/// The sixteen anchors of one block, by code.
DELTASCOPE_INLINE void blockAnchors(const AnchorRule& rule, float absmax, std::uint16_t* anchors) {
  if (rule.half == ElementType::BF16) {
    const float scale = std::bit_cast<float>(std::bit_cast<std::uint32_t>(absmax) & 0xffff0000u);
    for (int c = 0; c < 16; ++c) anchors[c] = toBf16KeepingNan(fromBf16(rule.lo[c]) * scale);
  } else {
    const float scale = fromF16(toF16KeepingNan(absmax));
    for (int c = 0; c < 16; ++c) anchors[c] = toF16KeepingNan(fromF16(rule.lo[c]) * scale);
  }
}

/// n ≤ 4096 weights of one block; n is even but for a tensor's last block.
DELTASCOPE_INLINE void nibbleBlockScalar(const std::uint8_t* codes, std::size_t n, const std::uint16_t* table,
                                         std::uint8_t high, std::uint16_t* anchors, std::uint8_t* contexts) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t code = i % 2 ? codes[i / 2] & 15 : codes[i / 2] >> 4;
    anchors[i] = table[code];
    contexts[i] = static_cast<std::uint8_t>(code | high);
  }
}

#if DELTASCOPE_X86
DELTASCOPE_AVX512 void nibbleBlockAvx512(const std::uint8_t* codes, std::size_t n, const std::uint16_t* table,
                                         std::uint8_t high, std::uint16_t* anchors, std::uint8_t* contexts) {
  const __m512i anchorTable = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(table)));
  const __m256i low4 = _mm256_set1_epi16(0x0f0f), highBits = _mm256_set1_epi8(static_cast<char>(high));
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m256i pairs = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i / 2)));
    const __m256i code = _mm256_and_si256(_mm256_or_si256(_mm256_srli_epi16(pairs, 4), _mm256_slli_epi16(pairs, 8)), low4);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(contexts + i), _mm256_or_si256(code, highBits));
    _mm512_storeu_si512(anchors + i, _mm512_permutexvar_epi16(_mm512_cvtepu8_epi16(code), anchorTable));
  }
  nibbleBlockScalar(codes + i / 2, n - i, table, high, anchors + i, contexts + i);
}

DELTASCOPE_AVX2 void nibbleBlockAvx2(const std::uint8_t* codes, std::size_t n, const std::uint16_t* table, std::uint8_t high,
                                     std::uint16_t* anchors, std::uint8_t* contexts) {
  alignas(16) std::uint8_t lowBytes[16], highBytes[16];
  for (int c = 0; c < 16; ++c) {
    lowBytes[c] = static_cast<std::uint8_t>(table[c]);
    highBytes[c] = static_cast<std::uint8_t>(table[c] >> 8);
  }
  const __m128i tableLow = _mm_load_si128(reinterpret_cast<const __m128i*>(lowBytes));
  const __m128i tableHigh = _mm_load_si128(reinterpret_cast<const __m128i*>(highBytes));
  const __m128i low4 = _mm_set1_epi8(15), highBits = _mm_set1_epi8(static_cast<char>(high));
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i / 2));
    const __m128i even = _mm_and_si128(_mm_srli_epi16(bytes, 4), low4), odd = _mm_and_si128(bytes, low4);
    const __m128i halves[2] = {_mm_unpacklo_epi8(even, odd), _mm_unpackhi_epi8(even, odd)};
    for (int h = 0; h < 2; ++h) {
      const __m128i code = halves[h];
      _mm_storeu_si128(reinterpret_cast<__m128i*>(contexts + i + 16 * h), _mm_or_si128(code, highBits));
      const __m128i lowPart = _mm_shuffle_epi8(tableLow, code), highPart = _mm_shuffle_epi8(tableHigh, code);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(anchors + i + 16 * h), _mm_unpacklo_epi8(lowPart, highPart));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(anchors + i + 16 * h + 8), _mm_unpackhi_epi8(lowPart, highPart));
    }
  }
  nibbleBlockScalar(codes + i / 2, n - i, table, high, anchors + i, contexts + i);
}
#endif

template <class Block>
DELTASCOPE_INLINE void nibbleBlocks(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors,
                                    std::uint8_t* contexts, Block block) {
  alignas(64) std::uint16_t table[32] = {};
  for (std::size_t i = 0, b = 0; i < base.count; i += base.group, ++b) {
    blockAnchors(rule, base.scales[b], table);
    const auto high =
        static_cast<std::uint8_t>(mantissaContext(rule.mantissaBits, std::bit_cast<std::uint32_t>(base.scales[b])));
    block(base.codes + i / 2, std::min(base.group, base.count - i), table, high, anchors + i, contexts + i);
  }
}

#if DELTASCOPE_X86
DELTASCOPE_AVX512 void nibbleTileAvx512(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors,
                                        std::uint8_t* contexts) {
  nibbleBlocks(rule, base, anchors, contexts, nibbleBlockAvx512);
}
DELTASCOPE_AVX2 void nibbleTileAvx2(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors,
                                    std::uint8_t* contexts) {
  nibbleBlocks(rule, base, anchors, contexts, nibbleBlockAvx2);
}
#endif

void nibbleTile(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors, std::uint8_t* contexts, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return nibbleTileAvx512(rule, base, anchors, contexts);
  if (isa == Isa::Avx2) return nibbleTileAvx2(rule, base, anchors, contexts);
#else
  (void)isa;
#endif
  nibbleBlocks(rule, base, anchors, contexts, nibbleBlockScalar);
}

constexpr std::array<std::uint8_t, 256> int8Contexts() {
  std::array<std::uint8_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte)
    table[byte] = static_cast<std::uint8_t>(magnitudeContext(byte < 128 ? byte : 256 - byte));
  return table;
}
constexpr auto kInt8Contexts = int8Contexts();

void int8Tile(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors, std::uint8_t* contexts) {
  const auto round = rule.half == ElementType::BF16 ? toBf16KeepingNan : toF16KeepingNan;
  std::array<std::uint16_t, 256> table{};
  std::size_t column = base.column, row = 0;
  for (std::size_t i = 0; i < base.count; ++row, column = 0) {
    const std::size_t n = std::min(base.group - column, base.count - i);
    const float scale = base.scales[row] / 127.0f;
    const auto anchor = [&](std::uint8_t byte) {
      const int q = static_cast<std::int8_t>(byte), magnitude = q < 0 ? -q : q;
      const float edge = magnitude ? static_cast<float>(magnitude) - 0.5f : 0.5f / 256;
      return static_cast<std::uint16_t>(round(edge * scale) | (q < 0 ? 0x8000u : 0u));
    };
    const bool whole = n >= 512;  // rows long enough to pay for a table
    if (whole)
      for (unsigned byte = 0; byte < 256; ++byte) table[byte] = anchor(static_cast<std::uint8_t>(byte));
    for (std::size_t k = 0; k < n; ++k, ++i) {
      anchors[i] = whole ? table[base.codes[i]] : anchor(base.codes[i]);
      contexts[i] = kInt8Contexts[base.codes[i]];
    }
  }
}

#if DELTASCOPE_X86
/// n weights of one row, sixteen at a time.
DELTASCOPE_AVX512 void int8RowAvx512(ElementType half, const std::uint8_t* codes, std::size_t n, float rowScale,
                                     std::uint16_t* anchors) {
  const __m512 scale = _mm512_set1_ps(rowScale), middle = _mm512_set1_ps(0.5f), smallest = _mm512_set1_ps(0.5f / 256);
  const __m512i below = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1);
  const __m256i sign = _mm256_set1_epi16(-0x8000);
  for (std::size_t i = 0; i < n; i += 16) {
    const auto valid = static_cast<__mmask16>(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
    const __m128i bytes = _mm_maskz_loadu_epi8(valid, codes + i);
    const __m512i magnitude = _mm512_abs_epi32(_mm512_cvtepi8_epi32(bytes));
    __m512 edge = _mm512_sub_ps(_mm512_cvtepi32_ps(magnitude), middle);
    edge = _mm512_mask_mov_ps(edge, _mm_cmpeq_epi8_mask(bytes, _mm_setzero_si128()), smallest);
    const __m512 product = _mm512_mul_ps(edge, scale);
    __m256i anchor;
    if (half == ElementType::BF16) {
      const __m512i bits = _mm512_castps_si512(product), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
      const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, below), odd);
      anchor = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
    } else {
      anchor = _mm512_cvtps_ph(product, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    anchor = _mm256_or_si256(anchor, _mm256_maskz_mov_epi16(_mm_movepi8_mask(bytes), sign));
    _mm256_mask_storeu_epi16(anchors + i, valid, anchor);
  }
}

DELTASCOPE_AVX512 void int8TileAvx512(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors,
                                      std::uint8_t* contexts) {
  std::size_t column = base.column, row = 0;
  for (std::size_t i = 0, n = 0; i < base.count; i += n, ++row, column = 0) {
    n = std::min(base.group - column, base.count - i);
    int8RowAvx512(rule.half, base.codes + i, n, base.scales[row] / 127.0f, anchors + i);
  }
  const __m512i table0 = _mm512_loadu_si512(kInt8Contexts.data()), table1 = _mm512_loadu_si512(kInt8Contexts.data() + 64);
  const __m512i last = _mm512_set1_epi8(39);  // of 128, whose byte is a negative one
  for (std::size_t i = 0; i < base.count; i += 64) {
    const std::size_t left = base.count - i;
    const __mmask64 valid = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    const __m512i magnitude = _mm512_abs_epi8(_mm512_maskz_loadu_epi8(valid, base.codes + i));
    const __m512i context = _mm512_permutex2var_epi8(table0, magnitude, table1);
    _mm512_mask_storeu_epi8(contexts + i, valid, _mm512_mask_mov_epi8(context, _mm512_movepi8_mask(magnitude), last));
  }
}
#endif

template <unsigned kShift, class T>
DELTASCOPE_INLINE void exponentContexts(const T* values, std::size_t n, std::uint32_t top, std::uint8_t* contexts) {
  constexpr T kMask = static_cast<T>(sizeof(T) == 4 ? 0xff : kShift == 7 ? 0xff : 0x1f);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t exponent = static_cast<T>(values[i] >> kShift) & kMask;
    contexts[i] = static_cast<std::uint8_t>(exponentContext(top, exponent));
  }
}

DELTASCOPE_INLINE void orderedTile(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors,
                                   std::uint8_t* contexts) {
  for (std::size_t i = 0; i < base.count; ++i) anchors[i] = toOrdered16(base.values16[i]);
  if (rule.half == ElementType::BF16)
    exponentContexts<7>(base.values16, base.count, rule.topExponent, contexts);
  else
    exponentContexts<10>(base.values16, base.count, rule.topExponent, contexts);
}

DELTASCOPE_INLINE void zeroTile(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors, std::uint8_t* contexts) {
  std::memset(anchors, 0, base.count * sizeof *anchors);
  if (base.values32)
    exponentContexts<23>(base.values32, base.count, rule.topExponent, contexts);
  else
    std::memset(contexts, 0, base.count);
}

DELTASCOPE_INLINE void toLoop(AnchorKind kind, const std::uint16_t* anchors, const std::uint16_t* final, std::uint16_t* x,
                              std::size_t n) {
  if (kind == AnchorKind::Ordered) {
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<std::uint16_t>(toOrdered16(final[i]) - anchors[i]);
  } else {
    for (std::size_t i = 0; i < n; i += 2) {
      std::uint32_t f, a;
      std::memcpy(&f, final + i, 4);
      std::memcpy(&a, anchors + i, 4);
      f -= a;
      std::memcpy(x + i, &f, 4);
    }
  }
}

DELTASCOPE_INLINE void fromLoop(AnchorKind kind, const std::uint16_t* anchors, const std::uint16_t* x, std::uint16_t* final,
                                std::size_t n) {
  if (kind == AnchorKind::Ordered) {
    for (std::size_t i = 0; i < n; ++i) final[i] = fromOrdered16(static_cast<std::uint16_t>(x[i] + anchors[i]));
  } else {
    for (std::size_t i = 0; i < n; i += 2) {
      std::uint32_t d, a;
      std::memcpy(&d, x + i, 4);
      std::memcpy(&a, anchors + i, 4);
      d += a;
      std::memcpy(final + i, &d, 4);
    }
  }
}

#if DELTASCOPE_X86
DELTASCOPE_AVX512 void toAvx512(AnchorKind k, const std::uint16_t* a, const std::uint16_t* f, std::uint16_t* x, std::size_t n) {
  toLoop(k, a, f, x, n);
}
DELTASCOPE_AVX512 void fromAvx512(AnchorKind k, const std::uint16_t* a, const std::uint16_t* x, std::uint16_t* f,
                                  std::size_t n) {
  fromLoop(k, a, x, f, n);
}
DELTASCOPE_AVX2 void toAvx2(AnchorKind k, const std::uint16_t* a, const std::uint16_t* f, std::uint16_t* x, std::size_t n) {
  toLoop(k, a, f, x, n);
}
DELTASCOPE_AVX2 void fromAvx2(AnchorKind k, const std::uint16_t* a, const std::uint16_t* x, std::uint16_t* f, std::size_t n) {
  fromLoop(k, a, x, f, n);
}
DELTASCOPE_AVX512 void parentAvx512(const AnchorRule& r, const TileBase& b, std::uint16_t* a, std::uint8_t* c) {
  r.kind == AnchorKind::Ordered ? orderedTile(r, b, a, c) : zeroTile(r, b, a, c);
}
DELTASCOPE_AVX2 void parentAvx2(const AnchorRule& r, const TileBase& b, std::uint16_t* a, std::uint8_t* c) {
  r.kind == AnchorKind::Ordered ? orderedTile(r, b, a, c) : zeroTile(r, b, a, c);
}
#endif
void parentScalar(const AnchorRule& r, const TileBase& b, std::uint16_t* a, std::uint8_t* c) {
  r.kind == AnchorKind::Ordered ? orderedTile(r, b, a, c) : zeroTile(r, b, a, c);
}

ScaledRun scaledRun(const AnchorRule& rule, const TileBase& base) {
  return {rule.scaled, base.codes, base.scales, base.group, base.columns, base.column, base.count};
}

}  // namespace

bool scalesUsable(const AnchorRule& rule, const TileBase& base) {
  if (rule.kind == AnchorKind::Scaled) return scaledUsable(scaledRun(rule, base));
  if (rule.kind == AnchorKind::Blocks) return blocksFinite(rule.blocks, base.codes, base.count);
  std::size_t n = 0;
  if (rule.kind == AnchorKind::Nibble) n = (base.count + base.group - 1) / base.group;
  if (rule.kind == AnchorKind::Int8) n = base.count ? (base.column + base.count - 1) / base.group + 1 : 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(base.scales[i]);
    if (bits != 0 && (bits < 27u << 23 || bits > 227u << 23)) return false;
  }
  return true;
}

void anchorsAndContexts(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors, std::uint8_t* contexts, Isa isa) {
  switch (rule.kind) {
    case AnchorKind::Nibble:
      nibbleTile(rule, base, anchors, contexts, isa);
      break;
    case AnchorKind::Blocks:
      blockAnchors(rule.blocks, rule.half == ElementType::F16, base.codes, base.count, anchors, contexts, isa);
      break;
    case AnchorKind::Scaled:
      scaledAnchors(scaledRun(rule, base), rule.half == ElementType::F16, anchors, contexts, isa);
      break;
    case AnchorKind::Int8:
#if DELTASCOPE_X86
      if (isa == Isa::Avx512)
        int8TileAvx512(rule, base, anchors, contexts);
      else
#endif
        int8Tile(rule, base, anchors, contexts);
      break;
    default:
#if DELTASCOPE_X86
      if (isa == Isa::Avx512)
        parentAvx512(rule, base, anchors, contexts);
      else if (isa == Isa::Avx2)
        parentAvx2(rule, base, anchors, contexts);
      else
#endif
        parentScalar(rule, base, anchors, contexts);
  }
  const std::size_t padded = (base.count + kStep - 1) / kStep * kStep;
  std::fill(anchors + base.count, anchors + padded, std::uint16_t{0});
  std::fill(contexts + base.count, contexts + padded, std::uint8_t{0});
}

void toDifferences(AnchorKind kind, const std::uint16_t* anchors, const std::uint16_t* final, std::uint16_t* x, std::size_t n,
                   Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return toAvx512(kind, anchors, final, x, n);
  if (isa == Isa::Avx2) return toAvx2(kind, anchors, final, x, n);
#else
  (void)isa;
#endif
  toLoop(kind, anchors, final, x, n);
}

void fromDifferences(AnchorKind kind, const std::uint16_t* anchors, const std::uint16_t* x, std::uint16_t* final, std::size_t n,
                     Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return fromAvx512(kind, anchors, x, final, n);
  if (isa == Isa::Avx2) return fromAvx2(kind, anchors, x, final, n);
#else
  (void)isa;
#endif
  fromLoop(kind, anchors, x, final, n);
}

}  // namespace deltascope::kernels
