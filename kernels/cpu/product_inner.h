// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Products in the order of kernels/ops/matmul.h: for each output 16 partial sums, one a lane.
///
/// Outputs are computed in tiles of up to kTileRows × kTileTokens. Columns are taken in stretches; between them the partial
/// sums of the tile wait in memory. In a stretch x lies split into even and odd columns by 32, and the weights of a few rows
/// are widened the same way into a panel that stays in the first cache while all tokens pass over it.
#include <algorithm>

#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/elementwise_inner.h"

namespace deltascope::kernels {

template <class L>
class Product {
  using Vec = typename L::Vec;
  using S = ProductScratch;

 public:
  Product(const ProductRows& rows, ProductScratch& scratch, Isa isa)
      : m_rows(rows), m_args(rows.args), m_weight(rows.weight), m_scratch(scratch), m_isa(isa) {}

  void run() {
    for (std::size_t token = 0; token < m_args.tokens; token += S::kTileTokens) {
      m_tokens = std::min<std::size_t>(S::kTileTokens, m_args.tokens - token);
      m_x = m_args.x + token * m_weight.columns;
      m_y = m_args.y + token * m_args.weight.rows;
      for (std::uint64_t row = m_rows.begin; row < m_rows.end; row += S::kTileRows)
        tile(row, std::min<std::size_t>(S::kTileRows, m_rows.end - row));
    }
  }

 private:
  /// `rows` rows of the weight from `row`, all tokens of the tile.
  void tile(std::uint64_t row, std::size_t rows) {
    std::fill_n(m_scratch.sums, rows * m_tokens * 16, 0.0f);
    for (std::size_t column = 0; column < m_weight.columns; column += S::kStretch) {
      const std::size_t columns = std::min<std::size_t>(S::kStretch, m_weight.columns - column);
      splitX(column, columns);
      for (std::size_t r = 0; r < rows; r += L::kRows) {
        const std::size_t panelRows = std::min<std::size_t>(L::kRows, rows - r);
        for (std::size_t i = 0; i < panelRows; ++i) fillPanel(row + r + i, column, columns, m_scratch.panel + i * S::kStretch);
        float* sums = m_scratch.sums + r * m_tokens * 16;
        if (panelRows == L::kRows) {
          addPanel<L::kRows>(columns, sums);
        } else {
          for (std::size_t i = 0; i < panelRows; ++i) addPanel<1>(columns, sums + i * m_tokens * 16, i);
        }
      }
    }
    for (std::size_t r = 0; r < rows; ++r)
      finish(m_rows.outputRow + (row - m_rows.begin) + r, m_scratch.sums + r * m_tokens * 16);
  }

  static std::size_t padded(std::size_t columns) { return (columns + 31) / 32 * 32; }

  /// `n` floats as 16 even and 16 odd columns for each 32, the last ones filled up with zeros.
  static void split(const float* from, std::size_t n, float* into) {
    Vec even, odd;
    for (; n >= 32; n -= 32, from += 32, into += 32) {
      L::split(from, even, odd);
      L::store(into, even);
      L::store(into + 16, odd);
    }
    if (n == 0) return;
    alignas(64) float last[32] = {};
    std::copy_n(from, n, last);
    L::split(last, even, odd);
    L::store(into, even);
    L::store(into + 16, odd);
  }

  void splitX(std::size_t column, std::size_t columns) {
    const float* from = m_x + column;
    if (m_scratch.splitOf == from && m_scratch.splitColumns == columns && m_scratch.splitTokens == m_tokens) return;
    for (std::size_t t = 0; t < m_tokens; ++t)
      split(from + t * m_weight.columns, columns, m_scratch.split + t * padded(columns));
    m_scratch.splitOf = from;
    m_scratch.splitColumns = columns;
    m_scratch.splitTokens = m_tokens;
  }

  void fillPanel(std::uint64_t row, std::size_t column, std::size_t columns, float* into) {
    alignas(64) float wide[S::kStretch];
    elementsToFloat(m_weight, row * m_weight.columns + column, columns, wide, m_isa);
    split(wide, columns, into);
  }

  template <int R>
  void addPanel(std::size_t columns, float* sums, std::size_t firstRow = 0) {
    const float* panel = m_scratch.panel + firstRow * S::kStretch;
    std::size_t t = 0;
    for (; t + L::kTokens <= m_tokens; t += L::kTokens) addBlock<R, L::kTokens>(panel, t, columns, sums);
    for (; t < m_tokens; ++t) addBlock<R, 1>(panel, t, columns, sums);
  }

  /// R rows by T tokens, sums in registers.
  template <int R, int T>
  void addBlock(const float* w, std::size_t token, std::size_t columns, float* sums) {
    const std::size_t stride = padded(columns);
    const float* x = m_scratch.split + token * stride;
    Vec s[R][T];
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) s[r][t] = L::load(sums + (r * m_tokens + token + t) * 16);
    const std::size_t whole = columns / 32 * 32;
    for (std::size_t c = 0; c < whole; c += 16) {
      Vec wide[R];
      for (int r = 0; r < R; ++r) wide[r] = L::load(w + r * S::kStretch + c);
      for (int t = 0; t < T; ++t) {
        const Vec v = L::load(x + t * stride + c);
        for (int r = 0; r < R; ++r) s[r][t] = L::fma(wide[r], v, s[r][t]);
      }
    }
    if (const std::size_t rest = columns - whole; rest > 0) {
      for (int r = 0; r < R; ++r) {
        for (int t = 0; t < T; ++t) {
          const float* wr = w + r * S::kStretch + whole;
          const float* xt = x + t * stride + whole;
          s[r][t] = addFirst(L::load(wr), L::load(xt), s[r][t], (rest + 1) / 2);
          s[r][t] = addFirst(L::load(wr + 16), L::load(xt + 16), s[r][t], rest / 2);
        }
      }
    }
    for (int r = 0; r < R; ++r)
      for (int t = 0; t < T; ++t) L::store(sums + (r * m_tokens + token + t) * 16, s[r][t]);
  }

  static Vec addFirst(const Vec& a, const Vec& b, const Vec& c, std::size_t n) {
    return n == 16 ? L::fma(a, b, c) : L::fmaFirst(a, b, c, n);
  }

  void finish(std::uint64_t row, const float* sums) {
    float bias = 0;
    if (m_args.bias)
      quantizeOps(m_isa).toFloat(floatType(m_args.biasType),
                                 static_cast<const std::byte*>(m_args.bias) + row * bytesOf(m_args.biasType), 1, &bias);
    for (std::size_t t = 0; t < m_tokens; ++t) {
      float& y = m_y[t * m_args.weight.rows + row];
      float result = L::sum(L::load(sums + t * 16));
      if (m_args.bias) result += bias;
      y = m_args.accumulate ? result + y : result;
    }
  }

  const ProductRows& m_rows;
  const MatmulArgs& m_args;
  const Matrix& m_weight;
  ProductScratch& m_scratch;
  Isa m_isa;
  const float* m_x = nullptr;
  float* m_y = nullptr;
  std::size_t m_tokens = 0;
};

}  // namespace deltascope::kernels
