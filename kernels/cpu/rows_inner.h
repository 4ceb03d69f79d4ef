// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rows of a weight as they lie in memory, read 32 columns at a time as 16 even and 16 odd ones. A Row is one row while it is
/// read: begin() it, enter() each segment of columns, then take kPairs times 32; segments are what shares a scale.
#include <bit>

#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/lanes.h"
#include "kernels/cpu/target.h"

namespace deltascope::kernels {

inline constexpr std::size_t kCacheLine = 64;
DELTASCOPE_INLINE void prefetchBytes(const void* from, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kCacheLine) __builtin_prefetch(static_cast<const char*>(from) + i);
}

/// Into the second cache. The address may lie past the end of the memory.
DELTASCOPE_INLINE void prefetchSoon(std::uintptr_t address, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kCacheLine) __builtin_prefetch(reinterpret_cast<const void*>(address + i), 0, 2);
}

template <class L, ElementType T>
class DenseRows {
 public:
  using Vec = typename L::Vec;
  static constexpr int kPairs = 1, kMostRows = 4;
  static constexpr std::size_t kPairBytes = 32 * bytesOf(T);  ///< of 32 columns
  struct Row {
    const std::byte* data;
  };
  static bool takes(const ProductRows& p) { return p.weight.form == Matrix::Form::Dense && p.weight.type == T; }

  explicit DenseRows(const Matrix& m) : m_data(static_cast<const std::byte*>(m.elements)), m_columns(m.columns) {}
  [[nodiscard]] std::uintptr_t address(std::uint64_t index) const {
    return reinterpret_cast<std::uintptr_t>(m_data) + index * m_columns * bytesOf(T);
  }
  void begin(Row& row, std::uint64_t index) const { row.data = m_data + index * m_columns * bytesOf(T); }
  static std::size_t segmentEnd(std::size_t, std::size_t end) { return end; }
  static void enter(Row&, std::uint64_t, std::size_t) {}
  static void pairs(const Row& row, std::size_t column, Vec* even, Vec* odd) {
    L::template loadPairs<T>(row.data + column * bytesOf(T), *even, *odd);
  }
  /// The last n < 32 columns, zeros behind them.
  static void lastPair(const Row& row, std::size_t column, std::size_t n, Vec& even, Vec& odd) {
    alignas(64) std::byte padded[32 * bytesOf(T)] = {};
    std::memcpy(padded, row.data + column * bytesOf(T), n * bytesOf(T));
    L::template loadPairs<T>(padded, even, odd);
  }
  void prefetch(std::uint64_t index, std::size_t column, std::size_t n) const {
    prefetchBytes(m_data + (index * m_columns + column) * bytesOf(T), n * bytesOf(T));
  }

 private:
  const std::byte* m_data;
  std::uint64_t m_columns;
};

/// Columns a multiple of 32, so that 32 of them share a scale. A group has but sixteen different elements: they are worked out
/// once and looked up.
template <class L, ElementType T>
class FourBitRows {
 public:
  using Vec = typename L::Vec;
  static constexpr int kPairs = 1, kMostRows = 4;
  static constexpr std::size_t kPairBytes = 16;
  struct Row {
    const std::uint8_t* codes;
    std::uint64_t first;
    Vec values;
  };
  static bool takes(const ProductRows& p) {
    return p.weight.form == Matrix::Form::FourBit && p.weight.type == T && p.weight.columns % 32 == 0 &&
           p.weight.skip % 32 == 0;
  }

  explicit FourBitRows(const Matrix& m)
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
    const float scale = m_matrix.scales[(row.first + column) >> m_shift];
    row.values = L::template roundTo<T>(L::mul(m_values, L::set(scale)));
  }
  static void pairs(const Row& row, std::size_t column, Vec* even, Vec* odd) {
    L::lookUpPairs(row.codes + column / 2, row.values, *even, *odd);
  }
  static void lastPair(const Row&, std::size_t, std::size_t, Vec&, Vec&) {}  // there is none
  void prefetch(std::uint64_t index, std::size_t column, std::size_t n) const {
    prefetchBytes(m_matrix.codes + (m_matrix.skip + index * m_matrix.columns + column) / 2, n / 2);
  }

 private:
  const Matrix& m_matrix;
  Vec m_values;
  int m_shift;
  std::size_t m_segment;
};

template <class L, ElementType T>
class Int8Rows {
 public:
  using Vec = typename L::Vec;
  static constexpr int kPairs = 1, kMostRows = 4;
  static constexpr std::size_t kPairBytes = 32;
  struct Row {
    const std::uint8_t* codes;
    Vec scale;
  };
  static bool takes(const ProductRows& p) { return p.weight.form == Matrix::Form::Int8 && p.weight.type == T; }

  explicit Int8Rows(const Matrix& m) : m_matrix(m) {}
  [[nodiscard]] std::uintptr_t address(std::uint64_t index) const {
    return reinterpret_cast<std::uintptr_t>(m_matrix.codes) + index * m_matrix.columns;
  }
  void begin(Row& row, std::uint64_t index) const {
    row.codes = m_matrix.codes + index * m_matrix.columns;
    row.scale = L::set(m_matrix.scales[index]);
  }
  static std::size_t segmentEnd(std::size_t, std::size_t end) { return end; }
  static void enter(Row&, std::uint64_t, std::size_t) {}
  static void pairs(const Row& row, std::size_t column, Vec* even, Vec* odd) {
    L::template int8Pairs<T>(row.codes + column, row.scale, *even, *odd);
  }
  static void lastPair(const Row& row, std::size_t column, std::size_t n, Vec& even, Vec& odd) {
    std::uint8_t padded[32] = {};
    std::memcpy(padded, row.codes + column, n);
    L::template int8Pairs<T>(padded, row.scale, even, odd);
  }
  void prefetch(std::uint64_t index, std::size_t column, std::size_t n) const {
    prefetchBytes(m_matrix.codes + index * m_matrix.columns + column, n);
  }

 private:
  const Matrix& m_matrix;
};

}  // namespace deltascope::kernels
