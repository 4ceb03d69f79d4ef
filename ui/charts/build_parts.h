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
/// 1, 2, 5, 10 and so on of a logarithmic axis.
class StepLogTicker : public QCPAxisTicker {
 protected:
  QVector<double> createTickVector(double step, const QCPRange& range) override;
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};
/// Milliseconds, each tick in the unit that fits it: "100 ns", "20 µs".
class DurationTicker : public CountTicker {
 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};
class DurationLogTicker : public StepLogTicker {
 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};
class CountLogTicker : public QCPAxisTickerLog {
 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};

/// Background, axes and grid of any chart.
void preparePlot(QCustomPlot& plot, const ChartStyle& style);

/// Names at the integer positions of a horizontal axis: upright where all fit, turned where there is height, thinned where
/// there are many. Without names, or room for them, the positions as numbers.
class NameTicker : public CountTicker {
 public:
  NameTicker(QCPAxis& axis, const QStringList& names);

 protected:
  void generate(const QCPRange& range, const QLocale& locale, QChar formatChar, int precision, QVector<double>& ticks,
                QVector<double>* subTicks, QVector<QString>* tickLabels) override;

 private:
  QCPAxis& m_axis;
  QStringList m_names;  // without what all of them begin or end with
  QFont m_measured;     // the font that m_widest is of
  int m_widest = -1;    // measuring thousands of names takes longer than drawing them
};

void build(QCustomPlot& plot, const HistogramChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const MapChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const BarsChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const ColumnsChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const LinesChart& chart, const ChartStyle& style);
void build(QCustomPlot& plot, const SpreadChart& chart, const ChartStyle& style);

}  // namespace deltascope::ui
