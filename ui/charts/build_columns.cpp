// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "ui/charts/build_parts.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

constexpr double kLogFloor = 0.5;  // the bottom of a logarithmic axis of counts

QCPBars* addBars(QCustomPlot& plot, QCPAxis* keys, QCPAxis* values, const ChartStyle& style) {
  auto* bars = new QCPBars(keys, values);
  bars->setPen(Qt::NoPen);
  bars->setBrush(style.accent);
  bars->setSelectable(QCP::stNone);
  bars->setAntialiased(false);
  plot.setCurrentLayer(QStringLiteral("main"));
  return bars;
}

QCPItemText* addText(QCustomPlot& plot, const QString& text, const QColor& colour, const ChartStyle& style) {
  auto* item = new QCPItemText(&plot);
  item->setText(text);
  item->setColor(colour);
  item->setFont(style.font);
  item->setClipToAxisRect(false);
  item->setSelectable(false);
  return item;
}

/// How many elements lie outside the bins, said in the corner where they would be.
void addOutside(QCustomPlot& plot, std::uint64_t count, bool below, const ChartStyle& style) {
  if (count == 0) return;
  const QString number = exactCount(count);
  auto* item = addText(plot, below ? QStringLiteral("◂ %1 below").arg(number) : QStringLiteral("%1 above ▸").arg(number),
                       style.muted, style);
  item->position->setType(QCPItemPosition::ptAxisRectRatio);
  item->position->setCoords(below ? 0.0 : 1.0, 0.0);
  item->setPositionAlignment(Qt::AlignTop | (below ? Qt::AlignLeft : Qt::AlignRight));
}

}  // namespace

void build(QCustomPlot& plot, const HistogramChart& chart, const ChartStyle& style) {
  const Histogram& data = chart.data;
  const double width = static_cast<double>(data.binWidth);
  // One filled staircase: bars side by side would show seams where they meet between pixels.
  auto* steps = plot.addGraph();
  steps->setLineStyle(QCPGraph::lsStepLeft);
  steps->setPen(Qt::NoPen);
  steps->setBrush(style.accent);
  steps->setSelectable(QCP::stNone);
  steps->setAntialiasedFill(false);
  steps->setAdaptiveSampling(false);
  QVector<double> keys, values;
  for (std::size_t i = 0; i < data.counts.size() && i < data.lower.size(); ++i) {
    // Integer deltas: a bin of width one is centred on its value. On a logarithmic axis an empty bin has no height.
    keys.append(static_cast<double>(data.lower[i]) - 0.5);
    values.append(std::max(static_cast<double>(data.counts[i]), chart.logY ? kLogFloor : 0.0));
  }
  keys.append(keys.back() + width);
  values.append(chart.logY ? kLogFloor : 0.0);
  steps->setData(keys, values, true);
  const double highest = std::max(1.0, *std::max_element(values.cbegin(), values.cend()));
  plot.xAxis->setLabel(QStringLiteral("delta (steps of the final's type)"));
  plot.yAxis->setLabel(chart.logY ? QStringLiteral("elements, log") : QStringLiteral("elements"));
  plot.xAxis->setRange(keys.front() - width, keys.back() + width);
  if (chart.logY) {
    plot.yAxis->setScaleType(QCPAxis::stLogarithmic);
    plot.yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new CountLogTicker));
    plot.yAxis->setRange(kLogFloor, highest * 2);
  } else {
    plot.yAxis->setRange(0, highest * 1.08);
  }
  addOutside(plot, data.below, true, style);
  addOutside(plot, data.above, false, style);
}

void build(QCustomPlot& plot, const ColumnsChart& chart, const ChartStyle& style) {
  auto* bars = addBars(plot, plot.xAxis, plot.yAxis, style);
  bars->setWidthType(QCPBars::wtPlotCoords);
  bars->setWidth(chart.values.size() <= 128 ? 0.8 : 1.0);
  QVector<double> keys, values;
  for (std::size_t i = 0; i < chart.values.size(); ++i) {
    keys.append(static_cast<double>(i));
    values.append(std::isfinite(chart.values[i]) ? chart.values[i] : 0);
  }
  bars->setData(keys, values, true);
  plot.xAxis->setLabel(chart.positionLabel);
  plot.yAxis->setLabel(chart.valueLabel);
  plot.xAxis->ticker()->setTickStepStrategy(QCPAxisTicker::tssReadability);
  if (chart.values.size() <= 12) {
    QSharedPointer<QCPAxisTickerText> each(new QCPAxisTickerText);
    for (const double key : keys) each->addTick(key, QString::number(key));
    plot.xAxis->setTicker(each);
  }
  // A lone column is not drawn as wide as the chart.
  const double last = std::max(keys.back(), 7.0);
  plot.xAxis->setRange(-0.6, last + 0.6);
  plot.yAxis->setRange(0, std::max(1e-12, *std::max_element(values.cbegin(), values.cend()) * 1.08));
}

void build(QCustomPlot& plot, const BarsChart& chart, const ChartStyle& style) {
  auto* bars = addBars(plot, plot.yAxis, plot.xAxis, style);
  bars->setWidthType(QCPBars::wtPlotCoords);
  bars->setWidth(0.6);
  QSharedPointer<QCPAxisTickerText> labels(new QCPAxisTickerText);
  const QFontMetrics metrics(style.font);
  QVector<double> keys, values;
  double highest = 0;
  int widest = 0;
  for (std::size_t i = 0; i < chart.bars.size(); ++i) {
    const auto& bar = chart.bars[i];
    keys.append(static_cast<double>(i));
    values.append(std::isfinite(bar.value) ? bar.value : 0);
    highest = std::max(highest, values.back());
    labels->addTick(keys.back(), bar.label);
    auto* text = addText(plot, bar.text, style.text, style);
    text->position->setCoords(values.back(), keys.back());
    text->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    text->setPadding(QMargins(metrics.height() / 3, 0, 0, 0));
    widest = std::max(widest, metrics.horizontalAdvance(bar.text));
  }
  bars->setData(keys, values, true);
  plot.yAxis->setTicker(labels);
  plot.yAxis->setTickLabelColor(style.text);
  plot.yAxis->setTickLabelFont(style.font);
  plot.yAxis->setRangeReversed(true);
  plot.yAxis->setRange(-0.6, std::max(static_cast<double>(chart.bars.size()), 4.0) - 0.4);
  plot.yAxis->grid()->setVisible(false);
  plot.xAxis->setLabel(chart.valueLabel);
  plot.xAxis->setTicks(false);
  plot.xAxis->setTickLabels(false);
  plot.xAxis->setRange(0, highest > 0 ? highest : 1);
  plot.axisRect()->setAutoMargins(QCP::msLeft | QCP::msBottom | QCP::msTop);
  QMargins margins = plot.axisRect()->margins();
  margins.setRight(widest + metrics.height());
  plot.axisRect()->setMargins(margins);
}

}  // namespace deltascope::ui
