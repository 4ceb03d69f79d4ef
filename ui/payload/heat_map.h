// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Layer × tensor kind, coloured by a metric.
#include "ui/charts/chart.h"

namespace deltascope::ui {

enum class Metric { BitsPerWeight, Sparsity, Ratio, StoredBytes, Patches };

struct MetricWords {
  QString id;    ///< as settings store it: "bits_per_weight"
  QString name;  ///< as the chooser shows it: "bits/weight"
};
[[nodiscard]] MetricWords wordsOf(Metric metric, bool checkpoint);
/// A plain checkpoint has sizes only.
[[nodiscard]] std::vector<Metric> metricsFor(bool checkpoint);
[[nodiscard]] Metric metricFromId(const QString& id, bool checkpoint);

/// Several tensors of one layer and kind (experts, the norms) share a cell: their bytes and elements are summed before the
/// metric is taken. Tensors outside layers are in the first row. Sparsity is coloured from 0 to 1, the others over their own
/// range.
[[nodiscard]] HeatMapChart heatMapOf(const std::vector<TensorStats>& tensors, Metric metric, bool checkpoint);

}  // namespace deltascope::ui
