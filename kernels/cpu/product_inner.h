// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Products in the order of kernels/ops/matmul.h: for each output 16 partial sums, one a lane.
///
/// Outputs are computed in tiles of up to kTileRows × kTileTokens. Columns are taken in stretches; between them the partial
/// sums of the tile wait in memory. In a stretch x lies split into even and odd columns by 32. Few tokens read the weights as
/// they lie; for many, the weights of a few rows are widened into a panel that stays in the first cache while all tokens pass.
#include <algorithm>

#include "kernels/cpu/elementwise_inner.h"
#include "kernels/cpu/rows_inner.h"

namespace deltascope::kernels {

template <class L>
class Product {
  using Vec = typename L::Vec;
  using S = ProductScratch;

 public:
  Product(const ProductRows& rows, ProductScratch& scratch, Isa isa)
      : m_rows(rows), m_args(rows.args), m_weight(rows.weight), m_scratch(scratch), m_isa(isa) {}

  void run() {
    using enum ElementType;
    if (L::runLookedUp(*this)) return;
    if (runAs<DenseRows, BF16>() || runAs<DenseRows, F16>() || runAs<DenseRows, F32>() || runAs<FourBitRows, BF16>() ||
        runAs<FourBitRows, F16>() || runAs<FourBitRows, F32>() || runAs<Int8Rows, BF16>() || runAs<Int8Rows, F16>() ||
        runAs<Int8Rows, F32>())
      return;
    forTiles([this](std::uint64_t row, std::size_t rows) {
      panelTile(
          row, rows, [this](auto... where) { fillSlowly(where...); }, [](auto...) {});
    });
  }

  /// False where `Rows` do not read this weight.
  template <template <class, ElementType> class Rows, ElementType T>
  bool runAs() {
    using W = Rows<L, T>;
    if (!W::takes(m_rows)) return false;
    const W weight(m_weight);
    forTiles([&](std::uint64_t row, std::size_t rows) {
      if (m_tokens <= L::kDirectTokens)
        directTile(weight, row, rows);
      else
        panelTile(
            row, rows, [&](auto... where) { fill(weight, where...); }, [&](auto... where) { weight.prefetch(where...); });
    });
    return true;
  }

 private:
  template <class Tile>
  void forTiles(Tile tile) {
    const std::size_t tiles = (m_args.tokens + S::kTileTokens - 1) / S::kTileTokens, even = (m_args.tokens + tiles - 1) / tiles;
    const std::size_t tileTokens = (even + L::kTokens - 1) / L::kTokens * L::kTokens;
    for (std::uint64_t row = m_rows.begin; row < m_rows.end; row += S::kTileRows) {
      const std::size_t rows = std::min<std::size_t>(S::kTileRows, m_rows.end - row);
      for (std::size_t token = 0; token < m_args.tokens; token += m_tokens) {
        m_tokens = std::min<std::size_t>(tileTokens, m_args.tokens - token);
        m_x = m_args.x + token * m_weight.columns;
        m_y = m_args.y + token * m_args.weight.rows;
        std::fill_n(m_scratch.sums, rows * m_tokens * 16, 0.0f);
        tile(row, rows);
        for (std::size_t r = 0; r < rows; ++r) finish(m_rows.outputRow + (row - m_rows.begin) + r, sumsOf(r));
      }
    }
  }

  [[nodiscard]] float* sumsOf(std::size_t row, std::size_t token = 0) const {
    return m_scratch.sums + (row * m_tokens + token) * 16;
  }
  static std::size_t padded(std::size_t columns) { return (columns + 31) / 32 * 32; }

  /// Calls f(column, columns) for stretches of at most `length`, with x split for groups of `group` tokens.
  template <class F>
  void forStretches(std::size_t length, std::size_t group, F f) {
    for (std::size_t column = 0; column < m_weight.columns; column += length) {
      const std::size_t columns = std::min<std::size_t>(length, m_weight.columns - column);
      splitX(column, columns, group);
      f(column, columns);
    }
  }

  /// The tokens of a group lie side by side, 16 columns at a time: a product reads one stream.
  void splitX(std::size_t column, std::size_t columns, std::size_t group) {
    const float* from = m_x + column;
    if (m_scratch.splitOf == from && m_scratch.splitColumns == columns && m_scratch.splitTokens == m_tokens) return;
    for (std::size_t t = 0; t < m_tokens; t += group) {
      const std::size_t together = std::min(group, m_tokens - t);
      for (std::size_t i = 0; i < together; ++i)
        split(from + (t + i) * m_weight.columns, columns, m_scratch.split + t * padded(columns) + i * 16, together * 16);
    }
    m_scratch.splitOf = from;
    m_scratch.splitColumns = columns;
    m_scratch.splitTokens = m_tokens;
  }

  /// `n` floats as 16 even and 16 odd columns for each 32, `stride` apart, the last ones filled up with zeros.
  static void split(const float* from, std::size_t n, float* into, std::size_t stride) {
    Vec even, odd;
    for (; n >= 32; n -= 32, from += 32, into += 2 * stride) {
      L::split(from, even, odd);
      L::store(into, even);
      L::store(into + stride, odd);
    }
    if (n == 0) return;
    alignas(64) float last[32] = {};
    std::copy_n(from, n, last);
    L::split(last, even, odd);
    L::store(into, even);
    L::store(into + stride, odd);
  }

  // Few tokens.

  template <class W>
  void directTile(const W& weight, std::uint64_t row, std::size_t rows) {
    constexpr std::size_t kGroup = L::kDirectGroup;
    forStretches(S::kSplitFloats / m_tokens / 64 * 64, kGroup, [&](std::size_t column, std::size_t columns) {
      constexpr std::size_t kRows = std::min(L::kDirectRows, W::kMostRows);
      for (std::size_t r = 0; r < rows; r += kRows)  // a second group of tokens finds these rows in the cache
        for (std::size_t t = 0; t < m_tokens; t += kGroup)
          directTokens<kGroup>(weight, row, r, std::min(kRows, rows - r), t, column, columns);
    });
  }

  /// A group of tokens: T of them, or fewer.
  template <int T, class W>
  void directTokens(const W& weight, std::uint64_t row, std::size_t r, std::size_t rows, std::size_t token, std::size_t column,
                    std::size_t columns) {
    if constexpr (T > 1) {
      if (m_tokens - token < T) return directTokens<T - 1>(weight, row, r, rows, token, column, columns);
    }
    constexpr int kRows = std::min(L::kDirectRows, W::kMostRows);
    if (rows == kRows) return addRows<kRows, T>(weight, row, r, token, column, columns);
    for (std::size_t i = 0; i < rows; ++i) addRows<1, T>(weight, row, r + i, token, column, columns);
  }

  /// R rows from `row` + r by T tokens from `token`, sums in registers.
  template <int R, int T, class W>
  void addRows(const W& weight, std::uint64_t row, std::size_t r, std::size_t token, std::size_t column, std::size_t columns) {
    typename W::Row rows[R];
    Vec s[R][T];
    for (int i = 0; i < R; ++i) weight.begin(rows[i], row + r + i);
    for (int i = 0; i < R; ++i)
      for (int t = 0; t < T; ++t) s[i][t] = L::load(sumsOf(r + i, token + t));
    const std::size_t end = column + columns / 32 * 32;
    const float* x = m_scratch.split + token * padded(columns);
    // The next rows are announced in the order of memory while these are read from the cache: memory is slow to give several
    // rows at a time.
    const bool announces = token == 0 && columns == m_weight.columns;
    constexpr std::size_t kStepBytes = R * W::kPairBytes * W::kPairs;
    std::uintptr_t ahead = weight.address(row + r + R);
    for (std::size_t c = column; c < end;) {
      const std::size_t segmentEnd = weight.segmentEnd(c, end);
      for (int i = 0; i < R; ++i) weight.enter(rows[i], row + r + i, c);
      for (; c < segmentEnd; c += 32 * W::kPairs, x += 32 * W::kPairs * T) {
        if (announces) prefetchSoon(ahead, kStepBytes);
        ahead += kStepBytes;
        Vec even[R][W::kPairs], odd[R][W::kPairs];
        for (int i = 0; i < R; ++i) weight.pairs(rows[i], c, even[i], odd[i]);
        for (int k = 0; k < W::kPairs; ++k) {
          for (int t = 0; t < T; ++t) {
            const Vec evenX = L::load(x + (2 * k * T + t) * 16), oddX = L::load(x + ((2 * k + 1) * T + t) * 16);
            for (int i = 0; i < R; ++i) s[i][t] = L::fma(odd[i][k], oddX, L::fma(even[i][k], evenX, s[i][t]));
          }
        }
      }
    }
    if (const std::size_t rest = columns % 32; rest > 0) {
      for (int i = 0; i < R; ++i) {
        Vec even, odd;
        weight.lastPair(rows[i], end, rest, even, odd);
        for (int t = 0; t < T; ++t) s[i][t] = addLast(even, odd, x + t * 16, T * 16, s[i][t], rest);
      }
    }
    for (int i = 0; i < R; ++i)
      for (int t = 0; t < T; ++t) L::store(sumsOf(r + i, token + t), s[i][t]);
  }

  /// The last n < 32 columns.
  static Vec addLast(const Vec& even, const Vec& odd, const float* x, std::size_t stride, Vec s, std::size_t n) {
    s = n == 31 ? L::fma(even, L::load(x), s) : L::fmaFirst(even, L::load(x), s, (n + 1) / 2);
    return L::fmaFirst(odd, L::load(x + stride), s, n / 2);
  }

  // Many tokens.

  /// `fillRow` (row, column, columns, into, stride) widens a row's stretch, `prefetchRow` (row, column, columns) announces it.
  template <class Fill, class Prefetch>
  void panelTile(std::uint64_t row, std::size_t rows, Fill fillRow, Prefetch prefetchRow) {
    forStretches(S::kStretch, L::kTokens, [&](std::size_t column, std::size_t columns) {
      std::size_t r = 0;
      // A stretch of a row is too short for the processor to foresee the next.
      const auto prefetch = [&](std::size_t group) {
        const std::size_t groups = (m_tokens + L::kTokens - 1) / L::kTokens;
        for (std::size_t i = group; i < L::kRows; i += groups) {
          const std::size_t next = r + L::kRows + i;
          if (next < rows)
            prefetchRow(row + next, column, columns);
          else if (column + columns < m_weight.columns)
            prefetchRow(row + i, column + columns, std::min<std::size_t>(S::kStretch, m_weight.columns - column - columns));
        }
      };
      for (; r + L::kRows <= rows; r += L::kRows) {
        for (std::size_t i = 0; i < L::kRows; ++i)
          fillRow(row + r + i, column, columns, m_scratch.panel + i * 16, std::size_t{L::kRows * 16});
        addPanel<L::kRows>(r, columns, prefetch);
      }
      for (; r < rows; ++r) {
        fillRow(row + r, column, columns, m_scratch.panel, std::size_t{16});
        addPanel<1>(r, columns, [](std::size_t) {});
      }
    });
  }

  template <class W>
  static void fill(const W& weight, std::uint64_t row, std::size_t column, std::size_t columns, float* into,
                   std::size_t stride) {
    typename W::Row state;
    weight.begin(state, row);
    const std::size_t end = column + columns / 32 * 32;
    for (std::size_t c = column; c < end;) {
      const std::size_t segmentEnd = weight.segmentEnd(c, end);
      weight.enter(state, row, c);
      for (; c < segmentEnd; c += 32 * W::kPairs) {
        Vec even[W::kPairs], odd[W::kPairs];
        weight.pairs(state, c, even, odd);
        for (int k = 0; k < W::kPairs; ++k, into += 2 * stride) {
          L::store(into, even[k]);
          L::store(into + stride, odd[k]);
        }
      }
    }
    if (columns % 32 == 0) return;
    Vec even, odd;
    weight.lastPair(state, end, columns % 32, even, odd);
    L::store(into, even);
    L::store(into + stride, odd);
  }

  void fillSlowly(std::uint64_t row, std::size_t column, std::size_t columns, float* into, std::size_t stride) {
    alignas(64) float wide[S::kStretch];
    elementsToFloat(m_weight, row * m_weight.columns + column, columns, wide, m_isa);
    split(wide, columns, into, stride);
  }

  /// `between` is called before each group of tokens.
  template <int R, class Between>
  void addPanel(std::size_t r, std::size_t columns, Between between) {
    std::size_t t = 0;
    for (; t + L::kTokens <= m_tokens; t += L::kTokens) {
      between(t / L::kTokens);
      addBlock<R, L::kTokens>(r, t, columns);
    }
    if (t < m_tokens) between(t / L::kTokens);
    addRest<R, L::kTokens - 1>(r, t, columns);
  }
  /// The last group of tokens: T of them, or fewer.
  template <int R, int T>
  void addRest(std::size_t r, std::size_t token, std::size_t columns) {
    if constexpr (T > 0) {
      if (m_tokens - token == T)
        addBlock<R, T>(r, token, columns);
      else
        addRest<R, T - 1>(r, token, columns);
    }
  }

  /// R rows of the panel by T tokens, sums in registers.
  template <int R, int T>
  void addBlock(std::size_t r, std::size_t token, std::size_t columns) {
    const float* w = m_scratch.panel;
    const float* x = m_scratch.split + token * padded(columns);
    Vec s[R][T];
    for (int i = 0; i < R; ++i)
      for (int t = 0; t < T; ++t) s[i][t] = L::load(sumsOf(r + i, token + t));
    for (std::size_t c = 0; c < columns / 32 * 32; c += 16, w += R * 16, x += T * 16) {
      Vec wide[R];
      for (int i = 0; i < R; ++i) wide[i] = L::load(w + i * 16);
      for (int t = 0; t < T; ++t) {
        const Vec v = L::load(x + t * 16);
        for (int i = 0; i < R; ++i) s[i][t] = L::fma(wide[i], v, s[i][t]);
      }
    }
    if (const std::size_t rest = columns % 32; rest > 0) {
      for (int i = 0; i < R; ++i)
        for (int t = 0; t < T; ++t)
          s[i][t] = addLast(L::load(w + i * 16), L::load(w + (R + i) * 16), x + t * 16, T * 16, s[i][t], rest);
    }
    for (int i = 0; i < R; ++i)
      for (int t = 0; t < T; ++t) L::store(sumsOf(r + i, token + t), s[i][t]);
  }

  void finish(std::uint64_t row, const float* sums) {
    float bias = 0;
    if (m_args.bias)
      quantizeOps(m_isa).toFloat(m_args.biasType, static_cast<const std::byte*>(m_args.bias) + row * bytesOf(m_args.biasType),
                                 1, &bias);
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
