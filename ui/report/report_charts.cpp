// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "ui/charts/numbers.h"
#include "ui/payload/heat_map.h"
#include "ui/payload/summary.h"
#include "ui/payload/tensor_charts.h"
#include "ui/report/report_data.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

struct Cost {
  std::uint64_t bytes = 0, elements = 0;
  void add(const TensorStats& t) {
    bytes += t.storedBytes;
    elements += t.elements;
  }
  [[nodiscard]] double bits() const {
    return elements ? 8.0 * double(bytes) / double(elements) : std::numeric_limits<double>::quiet_NaN();
  }
};

}  // namespace

LinesChart bitsByLayer(const std::vector<TensorStats>& tensors) {
  std::map<int, Cost> layers;
  std::map<std::string, std::map<int, Cost>> kinds;
  for (const auto& t : tensors) {
    const TensorRole role = tensorRole(t.name);
    if (role.layer < 0) continue;
    layers[role.layer].add(t);
    // Vectors are a thousandth of the weights and cost more bits each: they would flatten the rest.
    if (t.shape.size() >= 2) kinds[role.kind][role.layer].add(t);
  }
  LinesChart chart;
  chart.positionLabel = QStringLiteral("layer");
  chart.valueLabel = QStringLiteral("bits/weight");
  const auto line = [](const QString& label, const std::map<int, Cost>& costs) {
    LinesChart::Line l{label, {}};
    for (const auto& [layer, cost] : costs) l.points.emplace_back(layer, cost.bits());
    return l;
  };
  if (layers.empty()) return chart;
  chart.lines.push_back(line(QStringLiteral("whole layer"), layers));
  constexpr std::size_t kMostKinds = 9;
  for (const auto& [kind, costs] : kinds)
    if (chart.lines.size() <= kMostKinds) chart.lines.push_back(line(QString::fromStdString(kind), costs));
  return chart;
}

BarsChart bytesByCodec(const std::vector<TensorStats>& tensors, bool checkpoint) {
  struct Part {
    std::uint64_t bytes = 0, tensors = 0;
  };
  std::map<QString, Part> parts;
  std::uint64_t total = 0;
  for (const auto& t : tensors) {
    Part& part = parts[words(checkpoint ? nameOf(t.dtype) : nameOf(t.codec))];
    part.bytes += t.storedBytes;
    ++part.tensors;
    total += t.storedBytes;
  }
  BarsChart chart;
  chart.valueLabel = checkpoint ? QStringLiteral("bytes by type") : QStringLiteral("stored bytes by codec");
  for (const auto& [name, part] : parts)
    chart.bars.push_back({name, double(part.bytes),
                          QStringLiteral("%1  (%2), %3 tensors")
                              .arg(byteText(part.bytes), percentText(total ? double(part.bytes) / double(total) : 0))
                              .arg(part.tensors)});
  std::stable_sort(chart.bars.begin(), chart.bars.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
  return chart;
}

std::vector<TensorStats> representativeTensors(const std::vector<TensorStats>& tensors, int count) {
  std::vector<const TensorStats*> order;
  for (const auto& t : tensors)
    if (isCodedFloat(t.dtype) && t.elements > 0) order.push_back(&t);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->elements > b->elements; });
  std::set<std::string> kinds;
  std::vector<TensorStats> chosen;
  for (const auto* t : order) {
    if (static_cast<int>(chosen.size()) >= count) break;
    if (kinds.insert(tensorRole(t->name).kind).second) chosen.push_back(*t);
  }
  return chosen;
}

QList<ReportChart> chartsFor(const ReportData& data) {
  QList<ReportChart> charts;
  const QString source = sourceLine(data.modelName, data.when), summary = summaryText(data.model);
  const auto add = [&](const QString& file, const QString& title, const QString& subtitle, Chart chart) {
    if (!isEmpty(chart)) charts.append({file + QStringLiteral(".png"), {title, subtitle, source}, std::move(chart), {}, {}});
  };
  const bool checkpoint = data.isCheckpoint();
  const auto& tensors = data.model.tensors;
  for (const Metric metric : metricsFor(checkpoint)) {
    if (metric != Metric::BitsPerWeight && metric != Metric::Sparsity && !checkpoint) continue;
    const MetricWords words = wordsOf(metric, checkpoint);
    QString title = words.name;
    title[0] = title[0].toUpper();
    add(QStringLiteral("heat-map-") + words.id, title + QStringLiteral(" by layer and kind"), summary,
        heatMapOf(tensors, metric, checkpoint));
  }
  if (!checkpoint)
    add(QStringLiteral("bits-per-weight-by-layer"), QStringLiteral("Bits/weight by layer"),
        QStringLiteral("stored bits of the delta ÷ elements, matrices by kind"), bitsByLayer(tensors));
  add(checkpoint ? QStringLiteral("bytes-by-type") : QStringLiteral("bytes-by-codec"),
      checkpoint ? QStringLiteral("Bytes by type") : QStringLiteral("Stored bytes by codec"), summary,
      bytesByCodec(tensors, checkpoint));
  int number = 0;
  for (const auto& [tensor, closeUp] : data.closeUps) {
    ++number;
    if (!noDeltaText(tensor, closeUp).isEmpty()) continue;
    QString subtitle = QString::fromStdString(tensor.name + ", " + shapeText(tensor.shape));
    if (const QString sampled = sampledText(tensor, closeUp); !sampled.isEmpty()) subtitle += QStringLiteral(", ") + sampled;
    add(QStringLiteral("histogram-%1").arg(number), QStringLiteral("Histogram of the delta"), subtitle,
        histogramOf(closeUp, false));
    add(QStringLiteral("map-%1").arg(number), QStringLiteral("Map of the delta"), subtitle,
        mapOf(closeUp, MapValue::MeanMagnitude));
  }
  return charts;
}

}  // namespace deltascope::ui
