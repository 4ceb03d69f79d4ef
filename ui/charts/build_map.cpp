// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "ui/charts/build_parts.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

/// Tick labels with three figures; the scale's values may be shares or magnitudes.
class ValueTicker : public QCPAxisTicker {
 protected:
  QString getTickLabel(double tick, const QLocale&, QChar, int) override { return significant(tick); }
};

QCPColorGradient metricGradient() {
  QCPColorGradient gradient;
  gradient.clearColorStops();
  constexpr int kStops = 33;
  for (int i = 0; i < kStops; ++i) {
    const double t = static_cast<double>(i) / (kStops - 1);
    gradient.setColorStopAt(t, metricColour(t));
  }
  gradient.setLevelCount(256);
  gradient.setNanHandling(QCPColorGradient::nhTransparent);
  return gradient;
}

std::pair<double, double> rangeOf(const MapChart& chart) {
  if (chart.range) return *chart.range;
  bool any = false;
  double low = 0, high = 0;
  for (const float value : chart.values) {
    if (!std::isfinite(value)) continue;
    low = any ? std::min(low, double(value)) : value;
    high = any ? std::max(high, double(value)) : value;
    any = true;
  }
  if (chart.logScale) return {std::max(low, 1.0), std::max(high, 10.0)};
  if (high <= low) high = low + std::max(1.0, std::abs(low));
  return {low, high};
}

}  // namespace

void build(QCustomPlot& plot, const MapChart& chart, const ChartStyle& style) {
  const auto [low, high] = rangeOf(chart);
  // A map of one cell in a direction has no extent in QCustomPlot: it gets two halves.
  const int acrossCopies = chart.columns == 1 ? 2 : 1, downCopies = chart.rows == 1 ? 2 : 1;
  const int across = static_cast<int>(chart.columns) * acrossCopies, down = static_cast<int>(chart.rows) * downCopies;
  const double cellWidth = static_cast<double>(chart.columnsPerCell) / acrossCopies;
  const double cellHeight = static_cast<double>(chart.rowsPerCell) / downCopies;

  auto* map = new QCPColorMap(plot.xAxis, plot.yAxis);
  map->setSelectable(QCP::stNone);
  map->setInterpolate(false);
  map->setTightBoundary(false);
  map->setAntialiased(false);
  map->data()->setSize(across, down);
  map->data()->setRange(QCPRange(cellWidth / 2, (across - 0.5) * cellWidth),
                        QCPRange(cellHeight / 2, (down - 0.5) * cellHeight));
  for (int row = 0; row < down; ++row)
    for (int column = 0; column < across; ++column) {
      const auto cell =
          static_cast<std::size_t>(row / downCopies) * chart.columns + static_cast<std::size_t>(column / acrossCopies);
      const double value = chart.values[cell];
      // Not finite values would spoil the map's bounds: such cells are transparent instead.
      map->data()->setCell(column, row, std::isfinite(value) ? std::max(value, low) : low);
      if (!std::isfinite(value)) map->data()->setAlpha(column, row, 0);
    }
  plot.axisRect()->setBackground(QBrush(style.empty));

  auto* scale = new QCPColorScale(&plot);
  plot.plotLayout()->addElement(0, 1, scale);
  scale->setType(QCPAxis::atRight);
  scale->setBarWidth(QFontMetrics(style.font).height());
  scale->setGradient(metricGradient());
  scale->setDataRange(QCPRange(low, high));
  scale->setRangeDrag(false);
  scale->setRangeZoom(false);
  auto* axis = scale->axis();
  axis->setLabel(chart.logScale ? chart.valueLabel + QStringLiteral(", log") : chart.valueLabel);
  axis->setLabelFont(style.font);
  axis->setLabelColor(style.muted);
  axis->setTickLabelFont(plot.yAxis->tickLabelFont());
  axis->setTickLabelColor(style.muted);
  if (chart.logScale) {
    scale->setDataScaleType(QCPAxis::stLogarithmic);
    axis->setTicker(QSharedPointer<QCPAxisTicker>(new CountLogTicker));
  } else {
    axis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker));
  }
  for (const auto type : {QCPAxis::atRight, QCPAxis::atLeft, QCPAxis::atTop, QCPAxis::atBottom})
    axis->axisRect()->axis(type)->setBasePen(Qt::NoPen);
  axis->setSubTickPen(Qt::NoPen);
  axis->setTickPen(Qt::NoPen);
  map->setColorScale(scale);
  map->setGradient(metricGradient());
  map->setDataRange(QCPRange(low, high));

  auto* group = new QCPMarginGroup(&plot);
  plot.axisRect()->setMarginGroup(QCP::msBottom | QCP::msTop, group);
  scale->setMarginGroup(QCP::msBottom | QCP::msTop, group);
  plot.xAxis->setLabel(QStringLiteral("column"));
  plot.yAxis->setLabel(QStringLiteral("row"));
  plot.xAxis->setRange(0, across * cellWidth);
  plot.yAxis->setRange(0, down * cellHeight);
  plot.yAxis->setRangeReversed(true);
  plot.yAxis->grid()->setVisible(false);
}

}  // namespace deltascope::ui
