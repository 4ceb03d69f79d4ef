// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/heat_map_paint.h"

#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>
#include <cmath>

namespace deltascope::ui {
namespace {

QFont smaller(const QFont& font) { return scaledFont(font, 0.9); }

double widestOf(const QStringList& texts, const QFontMetricsF& metrics) {
  double widest = 0;
  for (const QString& text : texts) widest = std::max(widest, metrics.horizontalAdvance(text));
  return widest;
}

void paintBar(QPainter& painter, const HeatMapChart& chart, const HeatMapGeometry& g, const ChartStyle& style) {
  const QFontMetricsF metrics(smaller(style.font));
  constexpr int kSteps = 64;
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing, false);
  for (int i = 0; i < kSteps; ++i) {
    const double top = g.bar.bottom() - g.bar.height() * (i + 1) / kSteps;
    painter.fillRect(QRectF(g.bar.left(), top, g.bar.width(), g.bar.height() / kSteps + 1).intersected(g.bar),
                     metricColour((i + 0.5) / kSteps));
  }
  painter.restore();
  painter.setFont(smaller(style.font));
  painter.setPen(style.muted);
  painter.drawText(QRectF(g.bar.left(), g.grid.top() - metrics.height() * 1.3, g.area.right() - g.bar.left(), metrics.height()),
                   Qt::AlignLeft | Qt::AlignBottom, chart.valueLabel);
  for (const auto& [value, text] : chart.ticks) {
    const double share = chart.high > chart.low ? (value - chart.low) / (chart.high - chart.low) : 0;
    const double y = std::clamp(g.bar.bottom() - share * g.bar.height(), g.bar.top() + metrics.height() / 2,
                                g.bar.bottom() - metrics.height() / 2);
    painter.drawText(QRectF(g.bar.right() + metrics.height() * 0.3, y - metrics.height() / 2, g.area.right() - g.bar.right(),
                            metrics.height()),
                     Qt::AlignLeft | Qt::AlignVCenter, text);
  }
}

void paintHeaders(QPainter& painter, const HeatMapChart& chart, const HeatMapGeometry& g, const ChartStyle& style,
                  const QPointF& scroll) {
  const QFontMetricsF metrics(style.font);
  painter.setFont(style.font);
  painter.setPen(style.muted);
  const double gap = metrics.height() * 0.3;
  painter.drawText(QRectF(g.area.left(), g.grid.top() - metrics.height() - gap, g.labelWidth - gap, metrics.height()),
                   Qt::AlignRight | Qt::AlignBottom, chart.rowLabel);
  painter.save();
  painter.setClipRect(QRectF(g.grid.left(), g.area.top(), g.visible().width(), g.headerHeight), Qt::IntersectClip);
  for (int column = 0; column < chart.columns.size(); ++column) {
    const QRectF cell = g.cell(0, column).translated(-scroll.x(), 0);
    if (g.verticalHeader) {
      painter.save();
      painter.translate(cell.center().x(), g.grid.top() - gap);
      painter.rotate(-90);
      painter.drawText(QRectF(0, -cell.width() / 2, g.headerHeight, cell.width()), Qt::AlignLeft | Qt::AlignVCenter,
                       chart.columns[column]);
      painter.restore();
    } else {
      painter.drawText(QRectF(cell.left(), g.grid.top() - metrics.height() - gap, cell.width(), metrics.height()),
                       Qt::AlignHCenter | Qt::AlignBottom, chart.columns[column]);
    }
  }
  painter.restore();
  painter.save();
  painter.setClipRect(QRectF(g.area.left(), g.grid.top(), g.labelWidth, g.visible().height()), Qt::IntersectClip);
  const int every = std::max(1, static_cast<int>(std::ceil(metrics.height() * 0.95 / g.cellHeight)));
  for (int row = 0; row < chart.rows.size(); ++row) {
    const QRectF cell = g.cell(row, 0).translated(0, -scroll.y());
    if (row % every != 0) continue;
    painter.drawText(QRectF(g.area.left(), cell.center().y() - metrics.height() / 2, g.labelWidth - gap, metrics.height()),
                     Qt::AlignRight | Qt::AlignVCenter, chart.rows[row]);
  }
  painter.restore();
}

void outline(QPainter& painter, const QRectF& cell, const QColor& colour, double width) {
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(colour, width, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
  painter.drawRect(cell.adjusted(width / 2, width / 2, -width / 2, -width / 2));
}

}  // namespace

QColor HeatMapChart::colour(const Cell& cell) const {
  return metricColour(high > low ? (cell.value - low) / (high - low) : 0.5);
}

QRectF HeatMapGeometry::visible() const {
  const double right = bar.left() - (bar.width() > 0 ? cellHeight * 0.5 : 0);
  return QRectF(grid.topLeft(), QPointF(right, area.bottom()));
}

QRectF HeatMapGeometry::cell(int row, int column) const {
  return {grid.left() + column * cellWidth, grid.top() + row * cellHeight, cellWidth, cellHeight};
}

HeatMapGeometry layOutHeatMap(const HeatMapChart& chart, const QRectF& area, const QFont& font) {
  const QFontMetricsF metrics(font), small(smaller(font));
  const double em = metrics.height();
  HeatMapGeometry g;
  g.area = area;
  QStringList labels = chart.rows;
  labels << chart.rowLabel;
  g.labelWidth = widestOf(labels, metrics) + em * 0.3;
  QStringList ticks;
  for (const auto& tick : chart.ticks) ticks << tick.second;
  const double barWidth = em * 0.8;
  const double barRoom =
      std::max(barWidth + em * 0.3 + widestOf(ticks, small) + 2, small.horizontalAdvance(chart.valueLabel) + 2);
  const auto columns = std::max<double>(1, static_cast<double>(chart.columns.size()));
  const auto rows = std::max<double>(1, static_cast<double>(chart.rows.size()));

  const double room = area.width() - g.labelWidth - barRoom - em;
  g.cellWidth = std::floor(std::clamp(room / columns, em * 1.1, em * 4.5));
  const double widest = widestOf(chart.columns, metrics);
  g.verticalHeader = widest + 4 > g.cellWidth;
  g.headerHeight = (g.verticalHeader ? widest : em) + em * 0.5;
  g.cellHeight = std::floor(std::clamp((area.height() - g.headerHeight) / rows, em * 0.6, em * 1.7));
  g.grid = QRectF(area.left() + g.labelWidth, area.top() + g.headerHeight, g.cellWidth * columns, g.cellHeight * rows);
  const double barLeft = std::min(g.grid.right() + em, area.right() - barRoom);
  const double barHeight = std::max(em * 3, std::min(g.grid.height(), area.bottom() - g.grid.top()));
  g.bar = QRectF(barLeft, g.grid.top(), barWidth, barHeight);
  return g;
}

void paintHeatMap(QPainter& painter, const HeatMapChart& chart, const HeatMapGeometry& g, const ChartStyle& style,
                  const HeatMapMarks& marks, const QPointF& scroll) {
  painter.save();
  painter.fillRect(g.area, style.background);
  paintHeaders(painter, chart, g, style, scroll);
  paintBar(painter, chart, g, style);

  painter.setClipRect(g.visible(), Qt::IntersectClip);
  painter.setRenderHint(QPainter::Antialiasing, false);
  const QFont valueFont = smaller(style.font);
  painter.setFont(valueFont);
  const QFontMetricsF metrics(valueFont);
  const bool highEnough = g.cellHeight >= metrics.height();
  const int columns = static_cast<int>(chart.columns.size());
  for (int row = 0; row < chart.rows.size(); ++row)
    for (int column = 0; column < columns; ++column) {
      const auto& cell = chart.at(row, column);
      const QRectF where = g.cell(row, column).translated(-scroll).adjusted(0, 0, -1, -1);
      if (!where.intersects(g.visible())) continue;
      if (!cell.present) {  // visibly nothing: a dot on the background
        const double dot = std::max(2.0, metrics.height() * 0.14);
        painter.fillRect(QRectF(where.center() - QPointF(dot / 2, dot / 2), QSizeF(dot, dot)),
                         blend(style.muted, style.background, 0.5));
        continue;
      }
      const QColor colour = chart.colour(cell);
      painter.fillRect(where, colour);
      if (!highEnough || metrics.horizontalAdvance(cell.text) + 4 > g.cellWidth) continue;
      painter.setPen(readableOn(colour));
      painter.drawText(where, Qt::AlignCenter, cell.text);
    }
  // Two tones, so that the frame is seen on dark and on bright cells.
  const auto frame = [&](int number, double width) {
    const QRectF where = g.cell(number / columns, number % columns).translated(-scroll).adjusted(0, 0, -1, -1);
    outline(painter, where, style.text, width);
    outline(painter, where.adjusted(width, width, -width, -width), style.background, 1);
  };
  if (columns > 0)
    for (const int number : marks.selected) frame(number, 2);
  if (columns > 0 && marks.current && !marks.selected.count(*marks.current)) frame(*marks.current, 1);
  painter.restore();
}

}  // namespace deltascope::ui
