// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The points of one live series: bounded memory, and the few of them that a picture of a given width needs.
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace deltascope::ui {

using ChartPoint = std::pair<double, double>;  ///< position, value; NaN is a gap

/// Plain data, one thread at a time. Positions may come in any order; they are read in ascending order.
class LivePoints {
 public:
  static constexpr std::size_t kMost = 200'000;  ///< above that every four points become their lowest and highest

  /// A value that is not finite is a gap; a position that is not finite is ignored.
  void append(double position, double value);
  void clear() { *this = {}; }

  [[nodiscard]] std::span<const ChartPoint> points() const;
  [[nodiscard]] bool isEmpty() const { return !m_highest; }  ///< nothing finite yet
  [[nodiscard]] std::optional<ChartPoint> highest() const { return m_highest; }
  [[nodiscard]] double lowestValue() const { return m_lowest; }
  [[nodiscard]] double firstPosition() const { return m_first; }
  [[nodiscard]] double lastPosition() const { return m_last; }

 private:
  mutable std::vector<ChartPoint> m_points;
  mutable std::size_t m_sorted = 0;  // so many from the front are in order
  std::optional<ChartPoint> m_highest;
  double m_lowest = 0, m_first = 0, m_last = 0;
};

/// Of each `block` points the lowest, the highest and one gap, in their order; the first and the last point stay.
[[nodiscard]] std::vector<ChartPoint> keepExtremes(std::span<const ChartPoint> points, std::size_t block);
/// At most about `limit` points that keep every extreme a picture would show.
[[nodiscard]] std::vector<ChartPoint> thinned(std::span<const ChartPoint> points, std::size_t limit);
/// The points from `from` to `to` and one on either side. More than two a column are reduced to the lowest, the highest and
/// one gap of each column: a line through them looks the same.
[[nodiscard]] std::vector<ChartPoint> linePoints(std::span<const ChartPoint> points, double from, double to, int columns);
/// One point for each of columns × rows cells that has any: dots that would cover each other are drawn once.
struct CellGrid {
  double from = 0, to = 1, low = 0, high = 1;
  int columns = 1, rows = 1;
};
[[nodiscard]] std::vector<ChartPoint> dotPoints(std::span<const ChartPoint> points, const CellGrid& grid);

}  // namespace deltascope::ui
