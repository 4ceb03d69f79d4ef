// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rows whose elements AVX-512 looks up faster than it works them out; as in rows_inner.h.
#include <immintrin.h>

#include "kernels/cpu/lanes_avx512.h"
#include "kernels/cpu/rows_inner.h"

namespace deltascope::kernels {

/// 8-bit codes of BF16 elements: a row has but 256 different ones, kept as their low and their high bytes. For few tokens and
/// long rows, whose length is a multiple of 64.
template <class L, ElementType T>
class Int8TableRows {
 public:
  using Vec = typename L::Vec;
  static constexpr int kPairs = 2, kMostRows = 2;
  static constexpr std::size_t kPairBytes = 32;
  struct Row {
    const std::uint8_t* codes;
    __m512i low[4], high[4];
  };
  static bool takes(const ProductRows& p) {
    const Matrix& m = p.weight;
    return m.form == Matrix::Form::Int8 && m.type == T && p.args.tokens <= 2 && m.columns % 64 == 0 && m.columns >= 1024;
  }

  explicit Int8TableRows(const Matrix& m) : m_matrix(m) {}
  [[nodiscard]] std::uintptr_t address(std::uint64_t index) const {
    return reinterpret_cast<std::uintptr_t>(m_matrix.codes) + index * m_matrix.columns;
  }
  void begin(Row& row, std::uint64_t index) const {
    row.codes = m_matrix.codes + index * m_matrix.columns;
    const Vec scale = L::set(m_matrix.scales[index]), inverse = L::set(scalar::kInverse127);
    const __m512i count = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i twice = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11,
                                           10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i upperWords = _mm512_add_epi16(_mm512_add_epi16(twice, twice), _mm512_set1_epi16(1));
    const __m512i lowBytes =
        _mm512_add_epi16(_mm512_add_epi16(_mm512_slli_epi16(twice, 2), _mm512_set1_epi16(0)),
                         _mm512_slli_epi16(_mm512_add_epi16(_mm512_slli_epi16(twice, 2), _mm512_set1_epi16(2)), 8));
    const __m512i highBytes = _mm512_add_epi8(lowBytes, _mm512_set1_epi8(1));
    for (int part = 0; part < 4; ++part) {
      __m512i words[2];
      for (int half = 0; half < 2; ++half) {
        __m512i bits[2];
        for (int i = 0; i < 2; ++i) {
          const int first = part * 64 + half * 32 + i * 16;
          const __m512i q = _mm512_add_epi32(count, _mm512_set1_epi32(first < 128 ? first : first - 256));
          bits[i] = _mm512_castps_si512(L::template roundTo<T>(L::mul(L::mul(_mm512_cvtepi32_ps(q), scale), inverse)));
        }
        words[half] = _mm512_permutex2var_epi16(bits[0], upperWords, bits[1]);
      }
      row.low[part] = _mm512_permutex2var_epi8(words[0], lowBytes, words[1]);
      row.high[part] = _mm512_permutex2var_epi8(words[0], highBytes, words[1]);
    }
  }
  static std::size_t segmentEnd(std::size_t, std::size_t end) { return end; }
  static void enter(Row&, std::uint64_t, std::size_t) {}

  static __m512i lookUp(const __m512i (&table)[4], __m512i codes, __mmask64 negative) {
    const __m512i positive = _mm512_permutex2var_epi8(table[0], codes, table[1]);
    return _mm512_mask_mov_epi8(positive, negative, _mm512_permutex2var_epi8(table[2], codes, table[3]));
  }
  static void pairs(const Row& row, std::size_t column, Vec* even, Vec* odd) {
    // Unpacking works within 16 bytes: the first half of the codes goes to the lower eight of each.
    const __m512i codes =
        _mm512_permutexvar_epi64(_mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0), _mm512_loadu_si512(row.codes + column));
    const __mmask64 negative = _mm512_movepi8_mask(codes);
    const __m512i low = lookUp(row.low, codes, negative), high = lookUp(row.high, codes, negative);
    L::template widenPairs<T>(_mm512_unpacklo_epi8(low, high), even[0], odd[0]);
    L::template widenPairs<T>(_mm512_unpackhi_epi8(low, high), even[1], odd[1]);
  }
  static void lastPair(const Row&, std::size_t, std::size_t, Vec&, Vec&) {}  // there is none
  static void prefetch(std::uint64_t, std::size_t, std::size_t) {}

 private:
  const Matrix& m_matrix;
};

/// 4-bit codes of BF16 elements, where the sixteen elements of a group are rounded by AVX512_BF16. That takes denormals for
/// zero, so it serves only scales and values that cannot meet them.
template <class L, ElementType T>
class FourBitWordRows {
 public:
  using Vec = typename L::Vec;
  static constexpr int kPairs = 1, kMostRows = 4;
  static constexpr std::size_t kPairBytes = 16;
  struct Row {
    const std::uint8_t* codes;
    std::uint64_t first;
    __m512i elements;  ///< words: the sixteen elements, twice
  };
  static bool takes(const ProductRows& p) {
    const Matrix& m = p.weight;
    if (m.form != Matrix::Form::FourBit || m.type != T || (m.columns | m.skip) % 32 != 0 || p.begin == p.end) return false;
    const int shift = std::countr_zero(m.group);
    const std::uint64_t first = (m.skip + p.begin * m.columns) >> shift, last = (m.skip + p.end * m.columns - 1) >> shift;
    return ordinary(m.values, 16, 0x1p-26f, 0x1p26f) && ordinary(m.scales + first, last - first + 1, 0x1p-100f, 0x1p100f);
  }

  explicit FourBitWordRows(const Matrix& m)
      : m_matrix(m),
        m_values(L::load(m.values)),
        m_shift(std::countr_zero(m.group)),
        m_segment((m.columns | m.skip) % m.group == 0 ? m.group : 32) {}
  [[nodiscard]] std::uintptr_t address(std::uint64_t index) const {
    return reinterpret_cast<std::uintptr_t>(m_matrix.codes) + (m_matrix.skip + index * m_matrix.columns) / 2;
  }
  void begin(Row& row, std::uint64_t index) const {
    row.first = m_matrix.skip + index * m_matrix.columns;
    row.codes = m_matrix.codes + row.first / 2;
  }
  [[nodiscard]] std::size_t segmentEnd(std::size_t column, std::size_t end) const {
    return std::min<std::size_t>(end, (column | (m_segment - 1)) + 1);
  }
  void enter(Row& row, std::uint64_t, std::size_t column) const {
    const Vec elements = L::mul(m_values, L::set(m_matrix.scales[(row.first + column) >> m_shift]));
    row.elements = L::roundTwice(elements);
  }
  static void pairs(const Row& row, std::size_t column, Vec* even, Vec* odd) {
    // Sixteen bytes spread so that each eight bytes of the result find their two code bytes among theirs, then one nibble to a
    // word. What is left above a nibble does not matter: the elements are there twice.
    std::uint64_t halves[2];
    std::memcpy(halves, row.codes + column / 2, sizeof halves);
    const __m512i spread =
        _mm512_mask_set1_epi64(_mm512_set1_epi64(static_cast<long long>(halves[0])), 0xF0, static_cast<long long>(halves[1]));
    constexpr long long k0 = 0x0008000C00000004, kNext = 0x0010001000100010;
    const __m512i where =
        _mm512_set_epi64(k0 + 3 * kNext, k0 + 2 * kNext, k0 + kNext, k0, k0 + 3 * kNext, k0 + 2 * kNext, k0 + kNext, k0);
    const __m512i index = _mm512_multishift_epi64_epi8(where, spread);
    L::template widenPairs<T>(_mm512_permutexvar_epi16(index, row.elements), *even, *odd);
  }
  static void lastPair(const Row&, std::size_t, std::size_t, Vec&, Vec&) {}  // there is none
  void prefetch(std::uint64_t index, std::size_t column, std::size_t n) const {
    prefetchBytes(m_matrix.codes + (m_matrix.skip + index * m_matrix.columns + column) / 2, n / 2);
  }

 private:
  /// Each is zero or its magnitude lies in [least, most].
  static bool ordinary(const float* x, std::size_t n, float least, float most) {
    const Vec low = L::set(least), high = L::set(most);
    for (std::size_t i = 0; i < n; i += 16) {
      const Vec v = _mm512_abs_ps(n - i >= 16 ? L::load(x + i) : L::loadFirst(x + i, n - i));
      const __mmask16 zero = _mm512_cmp_ps_mask(v, L::zero(), _CMP_EQ_OQ);
      const __mmask16 fits = _mm512_cmp_ps_mask(v, low, _CMP_GE_OQ) & _mm512_cmp_ps_mask(v, high, _CMP_LE_OQ);
      if ((zero | fits) != 0xFFFF) return false;
    }
    return true;
  }

  const Matrix& m_matrix;
  Vec m_values;
  int m_shift;
  std::size_t m_segment;
};

template <class P>
bool Avx512Lanes::runLookedUp(P& product) {
  return product.template runAs<Int8TableRows, ElementType::BF16>();
}

}  // namespace deltascope::kernels
