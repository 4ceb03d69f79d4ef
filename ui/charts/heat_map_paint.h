// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Drawing a heat map, the same on screen and on paper.
#include <QFontMetricsF>
#include <QRectF>
#include <optional>
#include <set>

#include "ui/charts/chart.h"
#include "ui/charts/style.h"

class QPainter;

namespace deltascope::ui {

/// Where everything of a heat map lies in `area`. Cells keep a readable size: the grid may be larger than the area, then it
/// scrolls.
struct HeatMapGeometry {
  QRectF area;
  QRectF grid;  ///< of all cells, unscrolled
  QRectF bar;   ///< the colour bar
  double cellWidth = 0, cellHeight = 0;
  double headerHeight = 0, labelWidth = 0;
  bool verticalHeader = false;

  [[nodiscard]] QRectF visible() const;  ///< the part of the area the grid is seen in
  [[nodiscard]] QRectF cell(int row, int column) const;
};
[[nodiscard]] HeatMapGeometry layOutHeatMap(const HeatMapChart& chart, const QRectF& area, const QFont& font);

/// What the user points at, as cell numbers (row × columns + column).
struct HeatMapMarks {
  std::set<int> selected;
  std::optional<int> current;  ///< has the keyboard
};
/// `scroll`: how far the grid is moved up and left.
void paintHeatMap(QPainter& painter, const HeatMapChart& chart, const HeatMapGeometry& geometry, const ChartStyle& style,
                  const HeatMapMarks& marks = {}, const QPointF& scroll = {});

}  // namespace deltascope::ui
