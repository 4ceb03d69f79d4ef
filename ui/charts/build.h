// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/charts and ui/export: charts onto QCustomPlot.
#include "ui/charts/chart.h"
#include "ui/charts/style.h"

class QCustomPlot;

namespace deltascope::ui {

/// Builds any chart but a heat map on a new plot.
void buildChart(QCustomPlot& plot, const Chart& chart, const ChartStyle& style);
/// The value at plot coordinates (key: x axis, value: y axis) in words; empty outside the data.
[[nodiscard]] QString valueText(const Chart& chart, double x, double y);

}  // namespace deltascope::ui
