// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Counting integer deltas by value and by place, in bounded memory, in pieces that add up.
#include <cstdint>
#include <span>
#include <vector>

#include "core/inspect/inspect.h"

namespace deltascope {

/// Counts by value in buckets that grow with magnitude: exact below 4,096, then 2,048 buckets an octave. Bins are whole
/// buckets, so that histograms made from it are exact; where all deltas are large, their bins are at least a 2,048th of the
/// magnitude wide.
class DeltaCounts {
 public:
  DeltaCounts();
  void add(std::span<const std::int32_t> deltas);
  void merge(const DeltaCounts& other);
  [[nodiscard]] std::uint64_t total() const;
  /// In at most `bins` bins, between the thousandth on either side; where a few deltas are very far out (those of a quantized
  /// base's zero bin, whose sign it does not know), around the three quarters that lie closest together.
  [[nodiscard]] Histogram histogram(unsigned bins) const;

 private:
  std::vector<std::uint64_t> m_counts;
};

/// Sums over the cells of a tensor's map.
class MapSums {
 public:
  /// `shape`: rows are the first dimension, columns all others together; vectors are one row.
  MapSums(const std::vector<std::uint64_t>& shape, std::uint32_t side);
  /// Deltas of elements [first, …).
  void add(std::uint64_t first, std::span<const std::int32_t> deltas);
  void merge(const MapSums& other);
  [[nodiscard]] DeltaMap map() const;

 private:
  struct Cell {
    double magnitude = 0;
    std::uint64_t zeros = 0, elements = 0;
  };
  std::uint64_t m_tensorColumns = 1;
  DeltaMap m_layout;
  std::vector<Cell> m_cells;
};

}  // namespace deltascope
