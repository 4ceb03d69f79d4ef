// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/heat_map.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/model/roles.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

struct Sum {
  TensorStats stats;
  std::vector<int> items;
  bool matrices = false;
};

double valueOf(const TensorStats& t, Metric metric) {
  switch (metric) {
    case Metric::BitsPerWeight:
      return t.bitsPerWeight();
    case Metric::Sparsity:
      return t.sparsity();
    case Metric::Ratio:
      return t.ratio();
    case Metric::StoredBytes:
      return double(t.storedBytes);
    case Metric::Patches:
      return double(t.patches);
  }
  return 0;
}

/// How the metric is written in a cell, and its exact value with a unit.
struct Format {
  Metric metric;
  Unit unit;
  QString shortText(double value) const {
    if (metric == Metric::Sparsity) return significant(value, 2);
    return significant(value / unit.factor);
  }
  QString exact(double value) const {
    switch (metric) {
      case Metric::BitsPerWeight:
        return significant(value, 5) + QStringLiteral(" bits/weight");
      case Metric::Sparsity:
        return significant(value * 100, 4) + QStringLiteral(" % of the deltas are zero");
      case Metric::Ratio:
        return QStringLiteral("ratio ") + significant(value, 4);
      case Metric::StoredBytes:
        return exactCount(static_cast<std::uint64_t>(value)) + QStringLiteral(" bytes");
      case Metric::Patches:
        return exactCount(static_cast<std::uint64_t>(value)) + QStringLiteral(" patches");
    }
    return {};
  }
};

QString labelOf(const Format& format, bool checkpoint) {
  const QString name =
      format.metric == Metric::StoredBytes && !checkpoint ? QStringLiteral("stored") : wordsOf(format.metric, checkpoint).name;
  return format.unit.name.isEmpty() ? name : name + QStringLiteral(", ") + format.unit.name;
}

}  // namespace

MetricWords wordsOf(Metric metric, bool checkpoint) {
  switch (metric) {
    case Metric::BitsPerWeight:
      return {QStringLiteral("bits_per_weight"), QStringLiteral("bits/weight")};
    case Metric::Sparsity:
      return {QStringLiteral("sparsity"), QStringLiteral("sparsity")};
    case Metric::Ratio:
      return {QStringLiteral("ratio"), QStringLiteral("ratio")};
    case Metric::StoredBytes:
      return {QStringLiteral("stored_bytes"), checkpoint ? QStringLiteral("size") : QStringLiteral("stored bytes")};
    case Metric::Patches:
      return {QStringLiteral("patches"), QStringLiteral("patches")};
  }
  return {};
}

std::vector<Metric> metricsFor(bool checkpoint) {
  if (checkpoint) return {Metric::StoredBytes};
  return {Metric::BitsPerWeight, Metric::Sparsity, Metric::Ratio, Metric::StoredBytes, Metric::Patches};
}

Metric metricFromId(const QString& id, bool checkpoint) {
  const auto metrics = metricsFor(checkpoint);
  for (const Metric metric : metrics)
    if (wordsOf(metric, checkpoint).id == id) return metric;
  return metrics.front();
}

HeatMapChart heatMapOf(const std::vector<TensorStats>& tensors, Metric metric, bool checkpoint) {
  std::map<int, std::map<std::string, Sum>> sums;
  std::set<std::pair<std::size_t, std::string>> kinds;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorStats& t = tensors[i];
    const TensorRole role = tensorRole(t.name);
    Sum& sum = sums[role.layer][role.kind];
    sum.stats.elements += t.elements;
    sum.stats.finalBytes += t.finalBytes;
    sum.stats.storedBytes += t.storedBytes;
    sum.stats.zeroDeltas += t.zeroDeltas;
    sum.stats.patches += t.patches;
    sum.items.push_back(static_cast<int>(i));
    sum.matrices = sum.matrices || t.shape.size() >= 2;
    kinds.emplace(rankOfKind(role.kind), role.kind);
  }
  HeatMapChart chart;
  chart.rowLabel = QStringLiteral("layer");
  for (const auto& kind : kinds) chart.columns << QString::fromStdString(kind.second);

  // The scale spans the matrices inside layers: an embedding's size or a vector's few, dear bytes would leave one colour for
  // all of them. Cells beyond it take the colour of its end, and the end says so.
  double low = 0, high = 0, least = 0, most = 0;
  bool any = false, spanned = false;
  const auto widen = [](bool first, double value, double& from, double& to) {
    from = first ? value : std::min(from, value);
    to = first ? value : std::max(to, value);
  };
  for (const auto& [layer, row] : sums)
    for (const auto& [kind, sum] : row) {
      const double value = valueOf(sum.stats, metric);
      widen(!any, value, least, most);
      any = true;
      if (layer < 0 || !sum.matrices) continue;
      widen(!spanned, value, low, high);
      spanned = true;
    }
  if (!spanned) {
    low = least;
    high = most;
  }
  Format format{metric, {}};
  if (metric == Metric::StoredBytes) format.unit = byteUnit(static_cast<std::uint64_t>(most));
  if (metric == Metric::Patches) format.unit = countUnit(static_cast<std::uint64_t>(most));
  if (metric == Metric::Sparsity) {
    low = 0;
    high = 1;
  } else if (high <= low) {
    low = std::min(low, 0.0);
    high = high > low ? high : low + 1;
  }
  chart.low = low;
  chart.high = high;
  chart.valueLabel = labelOf(format, checkpoint);
  for (const double t : {0.0, 0.5, 1.0}) {
    const double value = low + t * (high - low);
    const bool below = t == 0 && least < low, above = t == 1 && most > high;
    chart.ticks.emplace_back(value, (below   ? QStringLiteral("≤ ")
                                     : above ? QStringLiteral("≥ ")
                                             : QString()) +
                                        format.shortText(value));
  }
  for (const auto& [layer, row] : sums) {
    const QString name = layer < 0 ? QStringLiteral("–") : QString::number(layer);
    chart.rows << name;
    const QString place = layer < 0 ? QStringLiteral("outside the layers") : QStringLiteral("layer %1").arg(layer);
    for (const auto& kind : kinds) {
      HeatMapChart::Cell cell;
      if (const auto found = row.find(kind.second); found != row.end()) {
        cell.present = true;
        cell.value = valueOf(found->second.stats, metric);
        cell.text = format.shortText(cell.value);
        cell.items = found->second.items;
        cell.detail = QStringLiteral("%1, %2: %3").arg(place, QString::fromStdString(kind.second), format.exact(cell.value));
        if (cell.items.size() > 1) cell.detail += QStringLiteral(" (%1 tensors)").arg(cell.items.size());
      }
      chart.cells.push_back(std::move(cell));
    }
  }
  return chart;
}

}  // namespace deltascope::ui
