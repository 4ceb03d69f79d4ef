// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Products with a transposed weight in the order of kernels/ops/matmul.h: a lane is a column of what is stored.
///
/// A block of columns is taken a run of rows after the other: the run is widened into a panel that stays in the first cache
/// while all tokens pass, and what it gives is added to the sums of the tokens.
#include <algorithm>

#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/weights.h"

namespace deltascope::kernels {

template <class L>
class ColumnProduct {
  using Vec = typename L::Vec;
  static constexpr std::size_t kBlock = ProductColumns::kBlock, kRun = ProductColumns::kRun, kVectors = kBlock / 16;
  static constexpr std::size_t kTokens = ProductScratch::kSumFloats / kBlock;
  static constexpr int kGroup = L::kDirectGroup >= 4 ? 4 : 1;  ///< tokens whose sums have room in registers
  static_assert(kBlock * kRun <= ProductScratch::kPanelFloats);

 public:
  ColumnProduct(const ProductColumns& columns, ProductScratch& scratch, Isa isa)
      : m_columns(columns), m_args(columns.args), m_weight(columns.weight), m_scratch(scratch), m_isa(isa) {}

  void run() {
    for (std::uint64_t column = m_columns.begin; column < m_columns.end; column += kBlock) {
      const std::size_t width = std::min<std::uint64_t>(kBlock, m_columns.end - column);
      for (std::size_t token = 0; token < m_args.tokens; token += kTokens)
        block(column, width, token, std::min<std::size_t>(kTokens, m_args.tokens - token));
    }
  }

 private:
  void block(std::uint64_t column, std::size_t width, std::size_t token, std::size_t tokens) {
    std::fill_n(m_scratch.sums, tokens * kBlock, 0.0f);
    if (width < kBlock) std::fill_n(m_scratch.panel, kBlock * kRun, 0.0f);
    for (std::uint64_t row = 0; row < m_weight.rows; row += kRun) {
      const std::size_t rows = std::min<std::uint64_t>(kRun, m_weight.rows - row);
      for (std::size_t r = 0; r < rows; ++r)
        elementsToFloat(m_weight, (row + r) * m_weight.columns + column, width, m_scratch.panel + r * kBlock, m_isa);
      const float* const x = m_args.x + token * m_weight.rows + row;
      std::size_t t = 0;
      for (; t + kGroup <= tokens; t += kGroup) addRun<kGroup>(x + t * m_weight.rows, rows, m_scratch.sums + t * kBlock);
      for (; t < tokens; ++t) addRun<1>(x + t * m_weight.rows, rows, m_scratch.sums + t * kBlock);
    }
    for (std::size_t t = 0; t < tokens; ++t) finish(column, width, token + t, m_scratch.sums + t * kBlock);
  }

  template <int T>
  void addRun(const float* x, std::size_t rows, float* sums) const {
    Vec s[T][kVectors];
    for (auto& token : s)
      for (Vec& v : token) v = L::zero();
    const float* w = m_scratch.panel;
    for (std::size_t r = 0; r < rows; ++r, w += kBlock) {
      for (int t = 0; t < T; ++t) {
        const Vec own = L::set(x[t * m_weight.rows + r]);
        for (std::size_t v = 0; v < kVectors; ++v) s[t][v] = L::fma(L::load(w + v * 16), own, s[t][v]);
      }
    }
    for (int t = 0; t < T; ++t)
      for (std::size_t v = 0; v < kVectors; ++v) {
        float* const sum = sums + static_cast<std::size_t>(t) * kBlock + v * 16;
        L::store(sum, L::add(L::load(sum), s[t][v]));
      }
  }

  void finish(std::uint64_t column, std::size_t width, std::size_t token, const float* sums) const {
    float bias[kBlock] = {};
    if (m_args.bias)
      quantizeOps(m_isa).toFloat(m_args.biasType,
                                 static_cast<const std::byte*>(m_args.bias) + column * bytesOf(m_args.biasType), width, bias);
    float* const y = m_args.y + token * m_weight.columns + column;
    for (std::size_t i = 0; i < width; ++i) {
      const float result = m_args.bias ? sums[i] + bias[i] : sums[i];
      y[i] = m_args.accumulate ? result + y[i] : result;
    }
  }

  const ProductColumns& m_columns;
  const MatmulArgs& m_args;
  const Matrix& m_weight;
  ProductScratch& m_scratch;
  Isa m_isa;
};

}  // namespace deltascope::kernels
