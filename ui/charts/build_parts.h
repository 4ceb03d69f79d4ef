// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/charts: one builder a kind of chart. The plot is new, its axes are styled.
#include <qcustomplot.h>

#include "ui/charts/chart.h"
#include "ui/charts/style.h"

namespace deltascope::ui {

/// Tick labels as "20 k", whatever the locale.
class CountTicker : public QCPAxisTicker {
 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};
class CountLogTicker : public QCPAxisTickerLog {
 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};

void build(QCustomPlot& plot, const HistogramChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const MapChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const BarsChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const ColumnsChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const LinesChart& chart, const ChartStyle& style);

}  // namespace deltascope::ui
