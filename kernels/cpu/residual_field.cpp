// SPDX-License-Identifier: Apache-2.0
// The fixed-width decoder: each context has a width, so positions are a prefix sum and nothing is stored for them.
#include "kernels/backend.h"
#include "kernels/cpu/residual_windows.h"
#include "kernels/cpu/target.h"
#include "kernels/residual.h"

#if DELTASCOPE_X86
#include <immintrin.h>
#endif

namespace deltascope::kernels {
namespace {

/// Per context: what to test and what to add, so that sign fields need no branch.
struct Expanded {
  std::uint32_t width, sign, add, offset;  // x = field + (field & sign ? add : 0) + offset
};

Expanded expand(const FieldTable& table, std::size_t context) {
  const std::uint32_t width = table.width[context];
  const std::uint32_t sign = table.isSigned[context] ? 1u << (width - 1) : 0;
  return {width, sign, sign ? 0x8000u - sign : 0, table.offset[context]};
}

void decodeScalar(const FieldTable& table, const std::uint8_t* contexts, const std::uint32_t* words, std::size_t steps,
                  std::uint16_t* x) {
  std::array<Expanded, kMaxContexts> fields{};
  for (std::size_t c = 0; c < kMaxContexts; ++c)
    if (table.width[c]) fields[c] = expand(table, c);
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < steps * kStep; ++i) {
    const Expanded& f = fields[contexts[i]];
    const std::uint64_t two = static_cast<std::uint64_t>(words[at >> 5]) << 32 | words[(at >> 5) + 1];
    const auto field = static_cast<std::uint32_t>(two << (at & 31) >> 32) >> (32 - f.width);
    x[i] = static_cast<std::uint16_t>(field + (field & f.sign ? f.add : 0) + f.offset);
    at += f.width;
  }
}

#if DELTASCOPE_X86
/// A field table in registers.
struct FieldRegisters {
  __m512i widths, masks[2], signs[2], offsets[2];
};

/// Sixty-four weights, sixteen at a time: those span at most 256 bits, nine words, which one register holds.
DELTASCOPE_AVX512 void takeWide(const FieldRegisters& table, __m512i context, const std::uint32_t* words, std::uint32_t& at,
                                std::uint16_t* x) {
  const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), k32 = _mm512_set1_epi32(32);
  alignas(64) std::uint8_t width8[64];
  _mm512_store_si512(width8, _mm512_permutexvar_epi8(context, table.widths));
  for (std::size_t k = 0; k < 64; k += 16) {
    const __m512i width = _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(width8 + k)));
    __m512i end = _mm512_add_epi32(width, _mm512_alignr_epi32(width, zero, 15));
    end = _mm512_add_epi32(end, _mm512_alignr_epi32(end, zero, 14));
    end = _mm512_add_epi32(end, _mm512_alignr_epi32(end, zero, 12));
    end = _mm512_add_epi32(end, _mm512_alignr_epi32(end, zero, 8));
    const __m512i position = _mm512_add_epi32(_mm512_sub_epi32(end, width), _mm512_set1_epi32(static_cast<int>(at & 31)));
    const __m512i block = _mm512_loadu_si512(words + (at >> 5));
    const __m512i word = _mm512_srli_epi32(position, 5);
    const __m512i w0 = _mm512_permutexvar_epi32(word, block);
    const __m512i w1 = _mm512_permutexvar_epi32(_mm512_add_epi32(word, one), block);
    const __m512i field = _mm512_srlv_epi32(_mm512_shldv_epi32(w0, w1, position), _mm512_sub_epi32(k32, width));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(x + k), _mm512_cvtepi32_epi16(field));
    at += static_cast<std::uint32_t>(_mm_extract_epi32(_mm512_extracti32x4_epi32(end, 3), 3));
  }
}

/// Sixty-four weights at a time, in windows but where four neighbours are too wide for one.
DELTASCOPE_AVX512 void decodeAvx512(const FieldTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                                    std::size_t steps, std::uint16_t* x) {
  alignas(64) std::uint16_t masks[kMaxContexts], signs[kMaxContexts];
  for (std::size_t c = 0; c < kMaxContexts; ++c) {
    signs[c] = static_cast<std::uint16_t>(table.isSigned[c] ? (1u << table.width[c]) >> 1 : 0);
    masks[c] = static_cast<std::uint16_t>(((1u << table.width[c]) - 1) & ~unsigned{signs[c]});
  }
  const FieldRegisters fields{_mm512_loadu_si512(table.width.data()),
                              {_mm512_load_si512(masks), _mm512_load_si512(masks + 32)},
                              {_mm512_load_si512(signs), _mm512_load_si512(signs + 32)},
                              {_mm512_loadu_si512(table.offset.data()), _mm512_loadu_si512(table.offset.data() + 32)}};
  const __m512i bit15 = _mm512_set1_epi16(-0x8000), most = _mm512_set1_epi8(kMostWindowBits);
  const auto* bytes = reinterpret_cast<const std::byte*>(words);
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < steps * kStep; i += 64) {
    const __m512i context = _mm512_loadu_si512(contexts + i);
    const __m512i ends = fieldEnds(_mm512_permutexvar_epi8(context, fields.widths));
    __m512i raw[2];
    if (_mm512_cmpgt_epu8_mask(ends, most)) {
      takeWide(fields, context, words, at, x + i);
      raw[0] = _mm512_loadu_si512(x + i), raw[1] = _mm512_loadu_si512(x + i + 32);
    } else {
      raw[0] = takeFields(ends, 0, bytes, at);
      raw[1] = takeFields(ends, 1, bytes, at);
    }
    for (std::size_t h = 0; h < 2; ++h) {
      const __m512i c = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(contexts + i + 32 * h)));
      __m512i value = _mm512_and_si512(raw[h], _mm512_permutex2var_epi16(fields.masks[0], c, fields.masks[1]));
      const __m512i sign = _mm512_permutex2var_epi16(fields.signs[0], c, fields.signs[1]);
      value = _mm512_mask_add_epi16(value, _mm512_test_epi16_mask(raw[h], sign), value, bit15);
      const __m512i offset = _mm512_permutex2var_epi16(fields.offsets[0], c, fields.offsets[1]);
      _mm512_storeu_si512(x + i + 32 * h, _mm512_add_epi16(value, offset));
    }
  }
}

/// Eight weights span at most 128 bits: five words.
DELTASCOPE_AVX2 void decodeAvx2(const FieldTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                                std::size_t steps, std::uint16_t* x) {
  alignas(32) std::int32_t info[kMaxContexts];  // width | (sign bit or 31) << 8 | offset << 16
  for (std::size_t c = 0; c < kMaxContexts; ++c) {
    const std::uint32_t sign = table.isSigned[c] ? table.width[c] - 1u : 31u;
    info[c] = static_cast<std::int32_t>(table.width[c] | sign << 8 | static_cast<std::uint32_t>(table.offset[c]) << 16);
  }
  const __m256i one = _mm256_set1_epi32(1), k32 = _mm256_set1_epi32(32), k31 = _mm256_set1_epi32(31);
  const __m256i byteMask = _mm256_set1_epi32(255), bit15 = _mm256_set1_epi32(0x8000), low16 = _mm256_set1_epi32(0xffff);
  const __m256i shift4 = _mm256_setr_epi32(0, 0, 0, 0, 3, 3, 3, 3);
  const __m256i upper = _mm256_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1);
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < steps * kStep; i += 8) {
    const __m256i context = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(contexts + i)));
    const __m256i entry = _mm256_i32gather_epi32(info, context, 4);
    const __m256i width = _mm256_and_si256(entry, byteMask);
    __m256i end = _mm256_add_epi32(width, _mm256_slli_si256(width, 4));
    end = _mm256_add_epi32(end, _mm256_slli_si256(end, 8));
    end = _mm256_add_epi32(end, _mm256_and_si256(_mm256_permutevar8x32_epi32(end, shift4), upper));
    const __m256i position = _mm256_add_epi32(_mm256_sub_epi32(end, width), _mm256_set1_epi32(static_cast<int>(at & 31)));
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + (at >> 5)));
    const __m256i word = _mm256_srli_epi32(position, 5), within = _mm256_and_si256(position, k31);
    const __m256i w0 = _mm256_permutevar8x32_epi32(block, word);
    const __m256i w1 = _mm256_permutevar8x32_epi32(block, _mm256_add_epi32(word, one));
    const __m256i w = _mm256_or_si256(_mm256_sllv_epi32(w0, within), _mm256_srlv_epi32(w1, _mm256_sub_epi32(k32, within)));
    const __m256i field = _mm256_srlv_epi32(w, _mm256_sub_epi32(k32, width));
    const __m256i bit = _mm256_sllv_epi32(one, _mm256_and_si256(_mm256_srli_epi32(entry, 8), byteMask));
    const __m256i positive = _mm256_cmpeq_epi32(_mm256_and_si256(field, bit), _mm256_setzero_si256());
    __m256i value = _mm256_add_epi32(field, _mm256_andnot_si256(positive, _mm256_sub_epi32(bit15, bit)));
    value = _mm256_and_si256(_mm256_add_epi32(value, _mm256_srli_epi32(entry, 16)), low16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(value, value), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(x + i), _mm256_castsi256_si128(packed));
    at += static_cast<std::uint32_t>(_mm256_extract_epi32(end, 7));
  }
}
#endif

}  // namespace

void decodeFieldTile(const FieldTable& table, const std::uint8_t* contexts, const std::uint32_t* words, std::size_t steps,
                     std::uint16_t* x, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return decodeAvx512(table, contexts, words, steps, x);
  if (isa == Isa::Avx2) return decodeAvx2(table, contexts, words, steps, x);
#else
  (void)isa;
#endif
  decodeScalar(table, contexts, words, steps, x);
}

}  // namespace deltascope::kernels
