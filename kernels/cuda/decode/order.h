// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A tile's weights in the order of their classes, stable within a class: each lane counts and places a run of its own.
#include "kernels/cuda/decode/warp.h"

namespace deltascope::kernels::cuda {

/// Weights of a tile that one lane counts: those from lane · kRun on.
inline constexpr std::uint32_t kRun = 128;

/// Counters of each class by lane; the odd row length keeps lanes out of each other's way in both directions.
template <unsigned kClasses>
struct RunCounts {
  static constexpr unsigned kRow = kWarp + 1;
  std::uint32_t at[kClasses * kRow];
  DELTASCOPE_TILE std::uint32_t& of(unsigned c, unsigned lane) { return at[c * kRow + lane]; }
};

template <unsigned kClasses>
DELTASCOPE_TILE void clearCounts(Warp& warp, RunCounts<kClasses>& counts) {
  warp.each([&](unsigned lane) {
    for (unsigned c = 0; c < kClasses; ++c) counts.of(c, lane) = 0;
  });
}

/// Counts become the number of weights of the class in the runs before; `totals(class, number)` is told those of all runs.
template <unsigned kClasses, class Totals>
DELTASCOPE_TILE void sumCounts(Warp& warp, RunCounts<kClasses>& counts, unsigned used, Totals&& totals) {
  warp.each([&](unsigned lane) {
    for (unsigned c = lane; c < used; c += kWarp) {
      std::uint32_t sum = 0;
      for (unsigned other = 0; other < kWarp; ++other) {
        const std::uint32_t own = counts.of(c, other);
        counts.of(c, other) = sum;
        sum += own;
      }
      totals(c, sum);
    }
  });
}

}  // namespace deltascope::kernels::cuda
