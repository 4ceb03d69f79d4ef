// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "ui/charts/build_parts.h"
#include "ui/charts/line_marks.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

using Line = LinesChart::Line;

/// Of everything that is drawn.
struct Extent {
  double low = 0, high = 0, first = 0, last = 0;
  bool any = false;
  void add(double x, double y) {
    low = any ? std::min(low, y) : y;
    high = any ? std::max(high, y) : y;
    first = any ? std::min(first, x) : x;
    last = any ? std::max(last, x) : x;
    any = true;
  }
};

Extent extentOf(const LinesChart& chart) {
  Extent extent;
  for (const auto& line : chart.lines)
    for (const auto& [x, y] : line.points)
      if (std::isfinite(y)) extent.add(x, y);
  if (chart.limit) extent.add(extent.first, chart.limit->value);
  if (chart.fromZero) extent.add(extent.first, 0);
  return extent;
}

Line::Look lookOf(const LinesChart& chart, std::size_t i) {
  const auto look = chart.lines[i].look;
  if (look != Line::Look::ByOrder) return look;
  return i == 0 ? Line::Look::Main : Line::Look::Context;
}

void addLine(QCustomPlot& plot, const Line& line, Line::Look look, const QColor& colour, bool steps) {
  auto* graph = plot.addGraph();
  const bool main = look != Line::Look::Context;
  graph->setPen(QPen(colour, main && (line.dots || steps) ? 2.2 : 1.0));
  graph->setSelectable(QCP::stNone);
  if (steps) graph->setLineStyle(QCPGraph::lsStepLeft);
  if (look == Line::Look::Dots) graph->setLineStyle(QCPGraph::lsNone);
  if (look == Line::Look::Dots || line.dots)
    graph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, colour, colour, main ? 5 : 3));
  QVector<double> keys, values;
  for (const auto& [x, y] : line.points) {
    keys.append(x);
    values.append(std::isfinite(y) ? y : qQNaN());
  }
  graph->setData(keys, values, true);
}

LineMark markOf(const Line& line, const QColor& colour) {
  LineMark mark{line.label, colour, {}, {}, {}};
  for (const auto& [x, y] : line.points) {
    if (!std::isfinite(y)) continue;
    mark.end = QPointF(x, y);
    if (line.markPeak && (!mark.peak || y > mark.peak->y())) mark.peak = mark.end;
  }
  if (mark.peak) mark.peakText = QStringLiteral("peak %1").arg(significant(mark.peak->y()));
  return mark;
}

}  // namespace

void build(QCustomPlot& plot, const LinesChart& chart, const ChartStyle& style) {
  const Extent extent = extentOf(chart);
  std::vector<LineMark> marks(chart.lines.size());
  QStringList labels;
  bool marked = chart.limit.has_value();
  // What is being watched is drawn over its context.
  for (const bool context : {true, false}) {
    std::size_t colours = 0;
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
      const Line& line = chart.lines[i];
      const auto look = lookOf(chart, i);
      if ((look == Line::Look::Context) != context) continue;
      const QColor colour = context ? blend(style.muted, style.background, 0.7) : seriesColour(style, colours++);
      addLine(plot, line, look, colour, chart.steps);
      marks[i] = markOf(line, context ? style.muted : colour);
      labels << line.label;
      marked |= line.markPeak;
    }
  }
  plot.xAxis->setLabel(chart.positionLabel);
  plot.yAxis->setLabel(chart.valueLabel);
  const double room = std::max((extent.high - extent.low) * 0.08, std::abs(extent.high) * 0.01 + 1e-9);
  const bool onZero = chart.fromZero && extent.low >= 0;
  plot.yAxis->setRange(onZero ? 0 : extent.low - room, extent.high + (marked ? 2 : 1) * room);
  const double span = extent.last > extent.first ? extent.last - extent.first : 1;
  const double edge = std::min(0.2, 0.02 * span);
  plot.xAxis->setRange(extent.first - edge, extent.first + span + edge);
  auto* text = new LineMarks(plot);
  text->setStyle(style);
  text->setLimit(chart.limit);
  text->setMarks(std::move(marks));
  text->reserve(labels);
  QObject::connect(&plot, &QCustomPlot::afterLayout, text, [text] { text->place(); });
}

}  // namespace deltascope::ui
