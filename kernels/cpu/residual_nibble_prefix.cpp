// SPDX-License-Identifier: Apache-2.0
// Prefix codes over a four-bit base, from codes and lanes straight to finals.
//
// Eight lanes, a block of 64 weights, share a register: their absmax bits are alike, so that a code and a prefix are all that
// tells codewords apart. First the lengths alone, which are all that the next codeword waits for, with the codewords' 16 bits
// set aside; then what they mean, 64 weights at a time.
#include <algorithm>
#include <bit>

#include "kernels/backend.h"
#include "kernels/cpu/residual_nibble.h"

namespace deltascope::kernels {

NibbleCode nibbleCode(const PrefixTable& table) {
  NibbleCode code;
  const std::size_t classes = table.entries.size() / 256;
  if (table.prefixBits != 4 || table.entries.size() % 256 != 0 || classes > code.classes.size()) return code;
  for (std::size_t c = 0; c < classes; ++c) {
    auto& to = code.classes[c];
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t entry = table.entries[256 * c + i], length = 32 - (entry & 31);
      if (length < 1 || length > 16) return {};
      to.lengths[i / 16] |= std::uint64_t{length - 1} << (4 * (i % 16));
      to.shift[i] = static_cast<std::uint8_t>(16 - length);
      to.low[i] = static_cast<std::uint8_t>(entry >> 16);
      to.high[i] = static_cast<std::uint8_t>(entry >> 24);
      code.longest = std::max<unsigned>(code.longest, length);
    }
  }
  return code;
}

#if DELTASCOPE_X86
namespace {

constexpr std::size_t kBlock = 64;    ///< eight lanes' weights in a step
constexpr unsigned kMostInFour = 14;  ///< four codewords and up to seven bits before them fit a 64-bit window
constexpr std::size_t kMostBytes = 4 * kStagingWords;

/// Lane kLaneAt[j] is at place j of its register: the order in which bytes interleave to words in the tensor's order.
constexpr std::uint8_t kLaneAt[8] = {0, 4, 1, 5, 2, 6, 3, 7};

struct PrefixConstants {
  alignas(64) std::uint8_t backwards[64];  ///< 63 − i
  alignas(64) std::uint32_t codes[16];     ///< of place j, in even elements
  alignas(64) std::uint8_t codeBits[64];   ///< where the code of weight k starts, less 4
  alignas(64) std::uint8_t tops[64];       ///< high byte of weight k among two registers of four codewords a lane
  alignas(64) std::uint16_t words[2][32];  ///< the codewords of lanes 0…3 and 4…7
};
constexpr PrefixConstants prefixConstants() {
  PrefixConstants c{};
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned k = i % 8;
    c.backwards[i] = static_cast<std::uint8_t>(63 - i);
    c.codeBits[i] = static_cast<std::uint8_t>((8 * (k / 2) + (k % 2 ? 60 : 0)) % 64);
    c.tops[i] = static_cast<std::uint8_t>((k < 4 ? 0 : 64) + i / 8 * 8 + 2 * (3 - k % 4) + 1);
  }
  for (unsigned j = 0; j < 8; ++j) {
    c.codes[2 * j] = kLaneAt[j];
    for (unsigned k = 0; k < 8; ++k)
      c.words[kLaneAt[j] / 4][kLaneAt[j] % 4 * 8 + k] = static_cast<std::uint16_t>((k < 4 ? 0 : 32) + 4 * j + 3 - k % 4);
  }
  return c;
}
constexpr PrefixConstants kConstants = prefixConstants();

/// The stream's bytes last to first, so that any eight of them load as one number, first bit uppermost. Its first byte ends up
/// before `end`.
DELTASCOPE_AVX512 void reverse(std::span<const std::byte> stream, std::byte* end) {
  const __m512i backwards = _mm512_load_si512(kConstants.backwards), three = _mm512_set1_epi8(3);
  const __m512i order = _mm512_xor_si512(backwards, three);  // within words the first byte is the last one
  for (std::size_t i = 0; i < stream.size(); i += 64) {
    const std::size_t left = stream.size() - i;
    const __mmask64 valid = left >= 64 ? ~0ull : (1ull << left) - 1;
    const __m512i bytes = _mm512_maskz_loadu_epi8(valid, stream.data() + i);
    _mm512_storeu_si512(end - i - 64, _mm512_permutexvar_epi8(order, bytes));
  }
}

/// Eight numbers from eight places. By hand: gathers are slow, and so are places that leave their register by shuffles.
DELTASCOPE_AVX512 DELTASCOPE_INLINE __m512i loadWindows(const std::byte* from, __m512i places) {
  alignas(64) std::uint64_t at[8];
  _mm512_store_si512(at, places);
  asm("" : "+m"(at));
  const auto load = [&](int i) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + at[i])); };
  __m256i lower = _mm256_broadcastq_epi64(load(0)), upper = _mm256_broadcastq_epi64(load(4));
  lower = _mm256_mask_broadcastq_epi64(lower, 2, load(1));
  upper = _mm256_mask_broadcastq_epi64(upper, 2, load(5));
  lower = _mm256_mask_broadcastq_epi64(lower, 4, load(2));
  upper = _mm256_mask_broadcastq_epi64(upper, 4, load(6));
  lower = _mm256_mask_broadcastq_epi64(lower, 8, load(3));
  upper = _mm256_mask_broadcastq_epi64(upper, 8, load(7));
  return _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
}

/// Eight lanes' eight weights of a step.
struct Lanes {
  const NibbleCode::Class* code;
  __m512i codes;     ///< a lane's four bytes in its low half
  __m512i place;     ///< of the bit after the next 57 of a lane at least, from the start of the reversed stream
  __m512i window;    ///< next bits, the first uppermost
  __m512i taken[2];  ///< four codewords a lane each, 16 bits of the stream for each, the first uppermost
};

/// Takes the codewords of a step. All its lanes go in step, because a lane's next codeword waits for the one before.
template <int kRounds>
DELTASCOPE_AVX512 DELTASCOPE_INLINE void takeCodewords(const std::byte* reversed, Lanes (&all)[4]) {
  const __m512i seven = _mm512_set1_epi64(7), fifteen = _mm512_set1_epi64(15), quarter = _mm512_set1_epi64(0x3c);
  const __m512i rounds = _mm512_set1_epi64(kRounds);
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) {
#pragma GCC unroll 4
    for (Lanes& lanes : all) {
      if (k % kRounds == 0) {
        const __m512i bits = loadWindows(reversed, _mm512_srli_epi64(lanes.place, 3));
        lanes.window = _mm512_sllv_epi64(bits, _mm512_andnot_si512(lanes.place, seven));
        lanes.place = _mm512_sub_epi64(lanes.place, rounds);
      }
      const std::uint64_t* lengths = lanes.code->lengths.data();
      const __m512i own = _mm512_srli_epi64(lanes.codes, static_cast<unsigned>(8 * (k / 2) + (k % 2 ? 0 : 4)));
      const __m512i row = _mm512_permutex2var_epi64(_mm512_load_si512(lengths), own, _mm512_load_si512(lengths + 8));
      const __m512i prefix = _mm512_and_si512(_mm512_srli_epi64(lanes.window, 58), quarter);
      const __m512i less1 = _mm512_and_si512(_mm512_srlv_epi64(row, prefix), fifteen);
      __m512i& taken = lanes.taken[k / 4];
      taken = k % 4 ? _mm512_shldi_epi64(taken, lanes.window, 16) : _mm512_srli_epi64(lanes.window, 48);
      lanes.window = _mm512_sllv_epi64(_mm512_add_epi64(lanes.window, lanes.window), less1);
      lanes.place = _mm512_sub_epi64(lanes.place, less1);
    }
  }
}

/// A table of 256 bytes.
DELTASCOPE_AVX512 DELTASCOPE_INLINE __m512i lookUp(const std::uint8_t* table, __m512i index, __mmask64 upper) {
  const __m512i a = _mm512_permutex2var_epi8(_mm512_load_si512(table), index, _mm512_load_si512(table + 64));
  const __m512i b = _mm512_permutex2var_epi8(_mm512_load_si512(table + 128), index, _mm512_load_si512(table + 192));
  return _mm512_mask_blend_epi8(upper, a, b);
}

/// What 64 codewords mean.
DELTASCOPE_AVX512 DELTASCOPE_INLINE void storeFinals(const Lanes& lanes, const std::uint16_t* anchors, std::byte* final) {
  const auto& [code, codes, place, window, taken] = lanes;
  const __m512i tops = _mm512_permutex2var_epi8(taken[0], _mm512_load_si512(kConstants.tops), taken[1]);
  const __m512i own = _mm512_multishift_epi64_epi8(_mm512_load_si512(kConstants.codeBits), codes);
  const __m512i index = _mm512_ternarylogic_epi64(_mm512_set1_epi8(-16), own, _mm512_srli_epi16(tops, 4), 0xca);
  const __mmask64 upper = _mm512_movepi8_mask(index);
  const __m512i shift = lookUp(code->shift.data(), index, upper);
  const __m512i low = lookUp(code->low.data(), index, upper), high = lookUp(code->high.data(), index, upper);
  const __m512i edges = _mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(anchors)));
  const __m512i zero = _mm512_setzero_si512();
  const __m512i shifts[2] = {_mm512_unpacklo_epi8(shift, zero), _mm512_unpackhi_epi8(shift, zero)};
  const __m512i offsets[2] = {_mm512_unpacklo_epi8(low, high), _mm512_unpackhi_epi8(low, high)};
  const __m512i indices[2] = {_mm512_unpacklo_epi8(index, zero), _mm512_unpackhi_epi8(index, zero)};
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    const __m512i bits = _mm512_permutex2var_epi16(taken[0], _mm512_load_si512(kConstants.words[h]), taken[1]);
    const __m512i x = _mm512_add_epi16(_mm512_srlv_epi16(bits, shifts[h]), offsets[h]);
    const __m512i anchor = _mm512_permutexvar_epi16(_mm512_srli_epi16(indices[h], 4), edges);
    _mm512_storeu_si512(final + 64 * h, _mm512_add_epi32(x, anchor));
  }
}

template <int kRounds>
DELTASCOPE_AVX512 void decodeAvx512(const AnchorRule& rule, const NibbleCode& code, const TileBase& base,
                                    std::span<const std::byte> stream, const std::uint32_t* start, std::byte* scratch,
                                    std::byte* final) {
  AnchorTables anchors;
  fillAnchorTables(rule, base, anchors);
  reverse(stream, scratch + kMostBytes);
  const __m512i codeOrder = _mm512_load_si512(kConstants.codes);
  const unsigned mantissa = 23 - rule.mantissaBits, classMask = (1u << rule.mantissaBits) - 1;
  const auto shift = static_cast<unsigned>(__builtin_ctzll(base.group));
  Lanes all[4];
  for (std::size_t q = 0; q < 4; ++q) {
    const __m512i at = _mm512_maskz_permutexvar_epi32(
        0x5555, codeOrder, _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(start + 8 * q))));
    all[q].place = _mm512_sub_epi64(_mm512_set1_epi64(8 * (kMostBytes - 7) - 1), at);
  }
  for (std::size_t i = 0; i < kTile; i += kStep) {
    for (std::size_t q = 0; q < 4; ++q) {
      const std::size_t first = i + kBlock * q;
      all[q].code = &code.classes[std::bit_cast<std::uint32_t>(base.scales[first >> shift]) >> mantissa & classMask];
      const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(base.codes + first / 2));
      all[q].codes = _mm512_maskz_permutexvar_epi32(0x5555, codeOrder, _mm512_castsi256_si512(packed));
    }
    takeCodewords<kRounds>(scratch, all);
    for (std::size_t q = 0; q < 4; ++q)
      storeFinals(all[q], anchors.of[(i + kBlock * q) >> shift], final + 2 * (i + kBlock * q));
  }
}

}  // namespace
#endif

bool decodeNibblePrefixTile(const AnchorRule& rule, const NibbleCode& code, const TileBase& base,
                            std::span<const std::byte> stream, const std::uint32_t* start, std::byte* scratch, std::byte* final,
                            Isa isa) {
#if DELTASCOPE_X86
  if (isa != Isa::Avx512 || code.longest == 0 || base.group < kBlock || !fusesNibbles(rule, base)) return false;
  const auto decode = code.longest <= kMostInFour ? decodeAvx512<4> : decodeAvx512<2>;
  decode(rule, code, base, stream, start, scratch, final);
  return true;
#else
  (void)rule, (void)code, (void)base, (void)stream, (void)start, (void)scratch, (void) final, (void)isa;
  return false;
#endif
}

}  // namespace deltascope::kernels
