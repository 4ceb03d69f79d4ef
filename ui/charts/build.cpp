// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/build.h"

#include <qcustomplot.h>

#include <cmath>

#include "ui/charts/build_parts.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

void styleAxis(QCPAxis& axis, const ChartStyle& style) {
  const QFont small = scaledFont(style.font, 0.9);
  axis.setLabelFont(style.font);
  axis.setTickLabelFont(small);
  axis.setLabelColor(style.muted);
  axis.setTickLabelColor(style.muted);
  axis.setBasePen(Qt::NoPen);
  axis.setTickPen(Qt::NoPen);
  axis.setSubTickPen(Qt::NoPen);
  axis.setTickLengthIn(0);
  axis.setTickLengthOut(0);
  axis.setTickLabelPadding(4);
  axis.setLabelPadding(4);
  axis.grid()->setPen(QPen(style.grid, 0));
  axis.grid()->setSubGridVisible(false);
  axis.grid()->setZeroLinePen(Qt::NoPen);
}

}  // namespace

void preparePlot(QCustomPlot& plot, const ChartStyle& style) {
  plot.setBackground(QBrush(style.background));  // QCustomPlot needs an opaque one
  for (auto* axis : {plot.xAxis, plot.yAxis}) {
    axis->setTicker(QSharedPointer<QCPAxisTicker>(new CountTicker));
    styleAxis(*axis, style);
  }
  plot.xAxis->grid()->setVisible(false);
}

QString CountTicker::getTickLabel(double tick, const QLocale&, QChar, int) { return compactCount(tick); }
QString StepLogTicker::getTickLabel(double tick, const QLocale&, QChar, int) { return compactCount(tick); }
QVector<double> StepLogTicker::createTickVector(double, const QCPRange& range) {
  QVector<double> ticks;
  if (!(range.lower > 0)) return ticks;
  const double decades = std::log10(range.upper / range.lower);
  for (double power = std::pow(10, std::floor(std::log10(range.lower))); power <= range.upper; power *= 10)
    for (const double factor : {1.0, 2.0, 5.0})
      if (range.contains(power * factor) && (decades < 4 || factor < 1.5)) ticks.append(power * factor);
  return ticks;
}
QString DurationTicker::getTickLabel(double tick, const QLocale&, QChar, int) { return durationText(tick); }
QString DurationLogTicker::getTickLabel(double tick, const QLocale&, QChar, int) { return durationText(tick); }
QString CountLogTicker::getTickLabel(double tick, const QLocale&, QChar, int) { return compactCount(tick); }

void buildChart(QCustomPlot& plot, const Chart& chart, const ChartStyle& style) {
  preparePlot(plot, style);
  if (isEmpty(chart)) return;
  std::visit(
      [&](const auto& data) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(data)>, HeatMapChart>) build(plot, data, style);
      },
      chart);
}

}  // namespace deltascope::ui
