// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/live_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace deltascope::ui {
namespace {

constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

bool before(const ChartPoint& a, const ChartPoint& b) { return a.first < b.first; }

/// Collects the extremes of one block or column after another.
class Extremes {
 public:
  explicit Extremes(std::vector<ChartPoint>& out) : m_out(out) {}
  void take(const ChartPoint& point) {
    if (std::isnan(point.second)) {
      if (m_gapSeen) return;
      flush();
      m_gapSeen = true;
      m_out.push_back(point);
      return;
    }
    if (!m_any) {
      m_low = m_high = point;
      m_any = m_lowFirst = true;
    } else if (point.second < m_low.second) {
      m_low = point;
      m_lowFirst = false;
    } else if (point.second > m_high.second) {
      m_high = point;
      m_lowFirst = true;
    }
  }
  void next() {
    flush();
    m_gapSeen = false;
  }

 private:
  void flush() {
    if (!m_any) return;
    m_any = false;
    m_out.push_back(m_lowFirst ? m_low : m_high);
    if (m_low != m_high) m_out.push_back(m_lowFirst ? m_high : m_low);
  }
  std::vector<ChartPoint>& m_out;
  ChartPoint m_low, m_high;
  bool m_any = false, m_lowFirst = true, m_gapSeen = false;
};

std::span<const ChartPoint> between(std::span<const ChartPoint> points, double from, double to) {
  auto first = std::lower_bound(points.begin(), points.end(), ChartPoint{from, 0}, before);
  auto last = std::upper_bound(first, points.end(), ChartPoint{to, 0}, before);
  if (first != points.begin()) --first;
  if (last != points.end()) ++last;
  return {first, last};
}

}  // namespace

void LivePoints::append(double position, double value) {
  if (!std::isfinite(position)) return;
  if (!std::isfinite(value)) value = kGap;
  const bool first = m_points.empty();
  m_first = first ? position : std::min(m_first, position);
  m_last = first ? position : std::max(m_last, position);
  if (!std::isnan(value)) {
    m_lowest = m_highest ? std::min(m_lowest, value) : value;
    if (!m_highest || value > m_highest->second) m_highest = {position, value};
  }
  if (m_sorted == m_points.size() && (first || position >= m_points.back().first)) ++m_sorted;
  m_points.emplace_back(position, value);
  if (m_points.size() <= kMost) return;
  m_points = keepExtremes(points(), 4);
  m_sorted = m_points.size();
}

std::span<const ChartPoint> LivePoints::points() const {
  if (m_sorted < m_points.size()) {
    const auto middle = m_points.begin() + static_cast<std::ptrdiff_t>(m_sorted);
    std::stable_sort(middle, m_points.end(), before);
    std::inplace_merge(m_points.begin(), middle, m_points.end(), before);
    m_sorted = m_points.size();
  }
  return m_points;
}

std::vector<ChartPoint> keepExtremes(std::span<const ChartPoint> points, std::size_t block) {
  if (block < 2 || points.size() < 3) return {points.begin(), points.end()};
  std::vector<ChartPoint> out;
  out.reserve(points.size() / block * 2 + 4);
  out.push_back(points.front());
  Extremes extremes(out);
  const auto inner = points.subspan(1, points.size() - 2);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (i % block == 0) extremes.next();
    extremes.take(inner[i]);
  }
  extremes.next();
  out.push_back(points.back());
  return out;
}

std::vector<ChartPoint> thinned(std::span<const ChartPoint> points, std::size_t limit) {
  if (points.size() <= limit) return {points.begin(), points.end()};
  const std::size_t blocks = std::max<std::size_t>(1, limit / 2);
  return keepExtremes(points, (points.size() + blocks - 1) / blocks);
}

std::vector<ChartPoint> linePoints(std::span<const ChartPoint> points, double from, double to, int columns) {
  const auto part = between(points, from, to);
  if (columns < 1 || !(to > from) || part.size() <= 2 * static_cast<std::size_t>(columns)) return {part.begin(), part.end()};
  std::vector<ChartPoint> out;
  out.reserve(2 * static_cast<std::size_t>(columns) + 4);
  Extremes extremes(out);
  const double scale = columns / (to - from);
  int column = -2;
  for (const ChartPoint& point : part) {
    const int at = static_cast<int>(std::clamp(std::floor((point.first - from) * scale), -1.0, double(columns)));
    if (at != column) {
      extremes.next();
      column = at;
    }
    extremes.take(point);
  }
  extremes.next();
  // The end of the line is where its label is.
  if (!std::isnan(part.back().second) && out.back() != part.back()) out.push_back(part.back());
  return out;
}

std::vector<ChartPoint> dotPoints(std::span<const ChartPoint> points, const CellGrid& grid) {
  std::vector<ChartPoint> out;
  if (grid.columns < 1 || grid.rows < 1 || !(grid.to > grid.from) || !(grid.high > grid.low)) return out;
  std::vector<bool> taken(static_cast<std::size_t>(grid.columns) * static_cast<std::size_t>(grid.rows));
  const double across = grid.columns / (grid.to - grid.from), up = grid.rows / (grid.high - grid.low);
  for (const ChartPoint& point : between(points, grid.from, grid.to)) {
    const double column = std::floor((point.first - grid.from) * across), row = std::floor((point.second - grid.low) * up);
    if (!(column >= 0 && column <= grid.columns && row >= 0 && row <= grid.rows)) continue;  // NaN too
    const auto cell = std::min(static_cast<std::size_t>(row), static_cast<std::size_t>(grid.rows - 1)) *
                          static_cast<std::size_t>(grid.columns) +
                      std::min(static_cast<std::size_t>(column), static_cast<std::size_t>(grid.columns - 1));
    if (taken[cell]) continue;
    taken[cell] = true;
    out.push_back(point);
  }
  return out;
}

}  // namespace deltascope::ui
