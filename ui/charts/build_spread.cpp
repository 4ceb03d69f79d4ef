// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <cmath>

#include "ui/charts/build_parts.h"
#include "ui/charts/line_marks.h"

namespace deltascope::ui {
namespace {

constexpr double kWide = 30;  // a span of so many times is read on a logarithmic axis

struct Shape {
  QCPScatterStyle::ScatterShape drawn;
  char16_t written;
};
constexpr std::array<Shape, 5> kShapes{{{QCPScatterStyle::ssDisc, u'●'},
                                        {QCPScatterStyle::ssSquare, u'■'},
                                        {QCPScatterStyle::ssDiamond, u'◆'},
                                        {QCPScatterStyle::ssTriangle, u'▲'},
                                        {QCPScatterStyle::ssTriangleInverted, u'▼'}}};

bool drawable(const SpreadChart::Point& p) {
  return p.present && std::isfinite(p.low) && std::isfinite(p.middle) && std::isfinite(p.high);
}

struct Range {
  double low = 0, high = 0;
  double lowestMiddle = 0;
  bool any = false;
};

Range rangeOf(const SpreadChart& chart) {
  Range range;
  for (const auto& series : chart.series)
    for (const auto& p : series.points) {
      if (!drawable(p)) continue;
      range.low = range.any ? std::min(range.low, p.low) : p.low;
      range.high = range.any ? std::max(range.high, p.high) : p.high;
      range.lowestMiddle = range.any ? std::min(range.lowestMiddle, p.middle) : p.middle;
      range.any = true;
    }
  return range;
}

void setValueAxis(QCPAxis& axis, const SpreadChart& chart) {
  const Range range = rangeOf(chart);
  // A whisker down to nothing has no place on a logarithmic axis: it ends at the axis.
  const double least = range.low > 0 ? range.low : range.lowestMiddle / 2;
  const bool log = least > 0 && (chart.logY || range.high > kWide * least);
  axis.setLabel(log ? chart.valueLabel + QStringLiteral(", log") : chart.valueLabel);
  if (log) {
    axis.setScaleType(QCPAxis::stLogarithmic);
    axis.setTicker(QSharedPointer<QCPAxisTicker>(chart.durations ? new DurationLogTicker : new StepLogTicker));
    axis.setRange(least / 1.3, range.high * 1.3);
    return;
  }
  if (chart.durations) axis.setTicker(QSharedPointer<QCPAxisTicker>(new DurationTicker));
  const double low = std::min(0.0, range.low), span = range.high > low ? range.high - low : 1;
  axis.setRange(low < 0 ? low - 0.06 * span : 0, low + 1.06 * span);
}

}  // namespace

void build(QCustomPlot& plot, const SpreadChart& chart, const ChartStyle& style) {
  setValueAxis(*plot.yAxis, chart);
  const bool log = plot.yAxis->scaleType() == QCPAxis::stLogarithmic;
  const double share = 0.7 / static_cast<double>(std::max<std::size_t>(1, chart.series.size()));
  const double size = chart.positions.size() > 100 ? 4 : chart.positions.size() > 30 ? 5 : 7;
  std::vector<LineMark> marks;
  QStringList labels;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const auto& series = chart.series[s];
    const Shape& shape = kShapes[s % kShapes.size()];
    const QColor colour = seriesColour(style, s);
    const double aside = share * (static_cast<double>(s) - 0.5 * static_cast<double>(chart.series.size() - 1));
    LineMark mark{QString(QChar(shape.written)) + u' ' + series.label, colour, {}, {}, {}};
    QVector<double> keys, middles, downs, ups;
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      const auto& p = series.points[i];
      if (!drawable(p)) continue;
      keys.append(static_cast<double>(i) + aside);
      middles.append(p.middle);
      downs.append(p.middle - (log ? std::max(p.low, plot.yAxis->range().lower) : p.low));
      ups.append(p.high - p.middle);
      mark.end = QPointF(keys.back(), p.middle);
    }
    auto* medians = plot.addGraph();
    medians->setSelectable(QCP::stNone);
    medians->setLineStyle(QCPGraph::lsNone);
    medians->setScatterStyle({shape.drawn, colour, colour, size});
    medians->setAdaptiveSampling(false);
    medians->setData(keys, middles, true);
    auto* whiskers = new QCPErrorBars(plot.xAxis, plot.yAxis);
    whiskers->setSelectable(QCP::stNone);
    whiskers->setDataPlottable(medians);
    whiskers->setErrorType(QCPErrorBars::etValueError);
    whiskers->setPen(QPen(blend(colour, style.background, 0.75), 1));
    whiskers->setWhiskerWidth(chart.positions.size() > 30 ? 0 : 5);
    whiskers->setSymbolGap(0);
    whiskers->setData(downs, ups);
    labels << mark.label;
    marks.push_back(std::move(mark));
  }
  plot.xAxis->setLabel(chart.positionLabel);
  plot.xAxis->setRange(-0.6, std::max(static_cast<double>(chart.positions.size()), 2.0) - 0.4);
  plot.xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new NameTicker(*plot.xAxis, chart.positions)));
  auto* text = new LineMarks(plot);
  text->setStyle(style);
  text->setMarks(std::move(marks));
  text->reserve(labels);
  QObject::connect(&plot, &QCustomPlot::afterLayout, text, [text] { text->place(); });
}

}  // namespace deltascope::ui
