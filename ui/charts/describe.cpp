// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "ui/charts/build.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

bool empty(const HistogramChart& c) {
  return c.data.lower.empty() || c.data.counts.empty() ||
         std::all_of(c.data.counts.begin(), c.data.counts.end(), [](auto n) { return n == 0; });
}
bool empty(const MapChart& c) {
  return c.rows == 0 || c.columns == 0 || c.values.size() != std::size_t{c.rows} * c.columns ||
         std::none_of(c.values.begin(), c.values.end(), [](float v) { return std::isfinite(v); });
}
bool empty(const BarsChart& c) { return c.bars.empty(); }
bool empty(const ColumnsChart& c) { return c.values.empty(); }
bool empty(const LinesChart& c) {
  return std::none_of(c.lines.begin(), c.lines.end(), [](const auto& line) {
    return std::any_of(line.points.begin(), line.points.end(), [](const auto& p) { return std::isfinite(p.second); });
  });
}
bool empty(const SpreadChart& c) {
  return std::none_of(c.series.begin(), c.series.end(), [](const auto& series) {
    return std::any_of(series.points.begin(), series.points.end(), [](const auto& p) { return p.present; });
  });
}
bool empty(const HeatMapChart& c) {
  return std::none_of(c.cells.begin(), c.cells.end(), [](const auto& cell) { return cell.present; });
}

QString binText(const Histogram& data, std::size_t i) {
  const auto first = data.lower[i];
  if (data.binWidth == 1) return exactInteger(first);
  return QStringLiteral("%1 to %2").arg(exactInteger(first), exactInteger(first + (data.binWidth - 1)));
}

template <class T>
std::pair<T, T> finiteRange(const std::vector<T>& values) {
  std::pair<T, T> range{0, 0};
  bool any = false;
  for (const T v : values) {
    if (!std::isfinite(v)) continue;
    range = any ? std::pair{std::min(range.first, v), std::max(range.second, v)} : std::pair{v, v};
    any = true;
  }
  return range;
}

QString words(const HistogramChart& c) {
  const auto top = std::max_element(c.data.counts.begin(), c.data.counts.end());
  const auto i = static_cast<std::size_t>(top - c.data.counts.begin());
  std::uint64_t total = c.data.below + c.data.above;
  for (const auto n : c.data.counts) total += n;
  return QStringLiteral("Histogram of %1 deltas from %2 to %3. Most frequent: %4, %5 elements (%6).")
      .arg(exactCount(total), exactInteger(c.data.lower.front()), exactInteger(c.data.lower.back() + (c.data.binWidth - 1)),
           binText(c.data, i), exactCount(*top), percentText(double(*top) / double(total)));
}
QString words(const MapChart& c) {
  const auto [low, high] = finiteRange(c.values);
  return QStringLiteral("Map of %1 by %2 cells, %3 by %4 elements each: %5 from %6 to %7.")
      .arg(c.rows)
      .arg(c.columns)
      .arg(c.rowsPerCell)
      .arg(c.columnsPerCell)
      .arg(c.valueLabel, significant(low), significant(high));
}
QString words(const BarsChart& c) {
  QStringList parts;
  for (const auto& bar : c.bars) parts << bar.label + u' ' + bar.text;
  return c.valueLabel + QStringLiteral(": ") + parts.join(QStringLiteral("; ")) + u'.';
}
QString words(const ColumnsChart& c) {
  const auto [low, high] = finiteRange(c.values);
  return QStringLiteral("%1 of %2 %3: from %4 to %5.")
      .arg(c.valueLabel, exactCount(c.values.size()), c.values.size() == 1 ? c.positionName : c.positionName + u's',
           significant(low), significant(high));
}
QString words(const LinesChart& c) {
  QStringList parts;
  for (const auto& line : c.lines) {
    std::vector<double> values;
    for (const auto& point : line.points)
      if (std::isfinite(point.second)) values.push_back(point.second);
    const auto [low, high] = finiteRange(values);
    parts << (values.empty() ? QStringLiteral("%1 without values").arg(line.label)
                             : QStringLiteral("%1 from %2 to %3").arg(line.label, significant(low), significant(high)));
    if (line.markPeak && !values.empty()) parts.back() += QStringLiteral(", its peak");
  }
  if (c.limit)
    parts << QStringLiteral("limit: %1").arg(c.limit->label.isEmpty() ? significant(c.limit->value) : c.limit->label);
  return QStringLiteral("%1 by %2: %3.").arg(c.valueLabel, c.positionLabel, parts.join(QStringLiteral("; ")));
}
QString words(const SpreadChart& c) {
  QStringList parts;
  for (const auto& series : c.series) {
    std::vector<double> middles, all;
    for (const auto& p : series.points) {
      if (!p.present) continue;
      middles.push_back(p.middle);
      all.insert(all.end(), {p.low, p.middle, p.high});
    }
    if (middles.empty()) {
      parts << QStringLiteral("%1 without values").arg(series.label);
      continue;
    }
    const auto [low, high] = finiteRange(middles);
    const auto [lowest, highest] = finiteRange(all);
    parts << QStringLiteral("%1 medians from %2 to %3, extremes %4 and %5")
                 .arg(series.label, significant(low), significant(high), significant(lowest), significant(highest));
  }
  return QStringLiteral("%1 by %2, %3 in all: %4.")
      .arg(c.valueLabel, c.positionLabel, exactCount(static_cast<std::uint64_t>(c.positions.size())),
           parts.join(QStringLiteral("; ")));
}
QString words(const HeatMapChart& c) {
  QStringList rows;
  for (int r = 0; r < c.rows.size(); ++r) {
    QStringList cells;
    for (int k = 0; k < c.columns.size(); ++k)
      if (c.at(r, k).present) cells << c.columns[k] + u' ' + c.at(r, k).text;
    rows << c.rows[r] + QStringLiteral(": ") + cells.join(QStringLiteral(", "));
  }
  return QStringLiteral("Heat map of %1, %2 by kind. %3.").arg(c.valueLabel, c.rowLabel, rows.join(QStringLiteral("; ")));
}

QString under(const HistogramChart& c, double x, double) {
  const double at = (x + 0.5 - double(c.data.lower.front())) / double(c.data.binWidth);
  if (!(at >= 0) || at >= double(c.data.counts.size())) return {};
  const auto i = static_cast<std::size_t>(at);
  return QStringLiteral("delta %1: %2 elements").arg(binText(c.data, i), exactCount(c.data.counts[i]));
}
QString under(const MapChart& c, double x, double y) {
  const double column = x / double(c.columnsPerCell), row = y / double(c.rowsPerCell);
  if (!(column >= 0 && row >= 0) || column >= c.columns || row >= c.rows) return {};
  const auto k = static_cast<std::uint64_t>(column), r = static_cast<std::uint64_t>(row);
  const float value = c.values[static_cast<std::size_t>(r * c.columns + k)];
  const auto span = [](std::uint64_t cell, std::uint64_t size) {
    if (size == 1) return exactCount(cell);
    return QStringLiteral("%1–%2").arg(exactCount(cell * size), exactCount((cell + 1) * size - 1));
  };
  return QStringLiteral("row %1, column %2: %3 %4")
      .arg(span(r, c.rowsPerCell), span(k, c.columnsPerCell), c.valueLabel,
           std::isfinite(value) ? significant(value, 4) : QStringLiteral("not read"));
}
QString under(const BarsChart& c, double, double y) {
  const double row = std::round(y);
  if (!(row >= 0) || row >= double(c.bars.size())) return {};
  const auto& bar = c.bars[static_cast<std::size_t>(row)];
  return bar.label + QStringLiteral(": ") + bar.text;
}
QString under(const ColumnsChart& c, double x, double) {
  const double column = std::round(x);
  if (!(column >= 0) || column >= double(c.values.size())) return {};
  const auto i = static_cast<std::size_t>(column);
  return QStringLiteral("%1 %2: %3 %4").arg(c.positionName, exactCount(i), significant(c.values[i], 4), c.valueLabel);
}
/// Of the points nearest in position, one a line, the one nearest in value.
QString under(const LinesChart& c, double x, double y) {
  const LinesChart::Line* nearest = nullptr;
  std::pair<double, double> found;
  for (const auto& line : c.lines) {
    const std::pair<double, double>* best = nullptr;
    for (const auto& p : line.points)
      if (std::isfinite(p.second) && (!best || std::abs(p.first - x) < std::abs(best->first - x))) best = &p;
    if (!best || (nearest && std::abs(best->second - y) >= std::abs(found.second - y))) continue;
    nearest = &line;
    found = *best;
  }
  if (!nearest) return {};
  return QStringLiteral("%1: %2 %3, %4 %5")
      .arg(nearest->label, significant(found.second, 4), c.valueLabel, c.positionLabel, significant(found.first, 4));
}
QString under(const SpreadChart& c, double x, double) {
  const double position = std::round(x);
  if (!(position >= 0) || position >= double(c.positions.size())) return {};
  const auto i = static_cast<std::size_t>(position);
  QStringList parts;
  for (const auto& series : c.series) {
    if (i >= series.points.size() || !series.points[i].present) continue;
    const auto& p = series.points[i];
    parts << QStringLiteral("%1 %2 (%3 to %4)")
                 .arg(series.label, significant(p.middle, 4), significant(p.low, 4), significant(p.high, 4));
  }
  if (parts.isEmpty()) parts << QStringLiteral("not measured");
  return QStringLiteral("%1: %2, %3").arg(c.positions[static_cast<int>(i)], parts.join(QStringLiteral("; ")), c.valueLabel);
}
QString under(const HeatMapChart&, double, double) { return {}; }

}  // namespace

bool isEmpty(const Chart& chart) {
  return std::visit([](const auto& data) { return empty(data); }, chart);
}

QString describe(const Chart& chart) {
  if (isEmpty(chart)) return QStringLiteral("Nothing to show.");
  return std::visit([](const auto& data) { return words(data); }, chart);
}

QString valueText(const Chart& chart, double x, double y) {
  if (isEmpty(chart)) return {};
  return std::visit([&](const auto& data) { return under(data, x, y); }, chart);
}

QSize preferredSize(const Chart& chart) {
  if (const auto* bars = std::get_if<BarsChart>(&chart))
    return {720, std::clamp(24 * static_cast<int>(bars->bars.size()) + 60, 150, 1200)};
  if (const auto* map = std::get_if<HeatMapChart>(&chart)) {
    const int width = 150 + 52 * static_cast<int>(map->columns.size());
    return {std::max(480, width), std::clamp(44 + 23 * static_cast<int>(map->rows.size()), 120, 2400)};
  }
  if (const auto* map = std::get_if<MapChart>(&chart)) return {720, map->rows <= 2 ? 160 : 480};
  if (const auto* spread = std::get_if<SpreadChart>(&chart))
    return {std::clamp(160 + 14 * static_cast<int>(spread->positions.size()), 720, 1600), 420};
  return {720, 340};
}

}  // namespace deltascope::ui
