// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_charts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/checkpoint/matrices.h"
#include "ui/words.h"

namespace deltascope::ui {
HistogramChart histogramOf(const TensorCloseUp& closeUp, bool logY) { return {closeUp.histogram, logY}; }

MapChart mapOf(const TensorCloseUp& closeUp, MapValue value) {
  const DeltaMap& map = closeUp.map;
  MapChart chart;
  chart.rows = map.rows;
  chart.columns = map.columns;
  chart.rowsPerCell = map.rowsPerCell;
  chart.columnsPerCell = map.columnsPerCell;
  chart.values = value == MapValue::ZeroShare ? map.zeroShare : map.meanMagnitude;
  chart.valueLabel = value == MapValue::ZeroShare ? QStringLiteral("share of zero deltas") : QStringLiteral("mean |delta|");
  if (value == MapValue::ZeroShare) chart.range = {0.0, 1.0};
  // Where a weight and its base differ in sign the delta is thousands of times the usual one.
  chart.logScale = value == MapValue::MeanMagnitude;
  // A negative value marks a cell that was not read.
  for (float& cell : chart.values)
    if (cell < 0) cell = std::numeric_limits<float>::quiet_NaN();
  return chart;
}

BarsChart streamsOf(const TensorCloseUp& closeUp) {
  BarsChart chart;
  chart.valueLabel = QStringLiteral("bytes by stream");
  std::uint64_t total = 0;
  for (const auto& share : closeUp.streams) total += share.bytes;
  for (const auto& share : closeUp.streams) {
    const double part = total ? double(share.bytes) / double(total) : 0;
    chart.bars.push_back({QString::fromStdString(share.stream), double(share.bytes),
                          QStringLiteral("%1  (%2)").arg(byteText(share.bytes), percentText(part))});
  }
  std::stable_sort(chart.bars.begin(), chart.bars.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
  return chart;
}

ColumnsChart chunksOf(const TensorCloseUp& closeUp) {
  ColumnsChart chart;
  std::uint64_t largest = 0;
  for (const auto bytes : closeUp.chunkBytes) largest = std::max(largest, bytes);
  const Unit unit = byteUnit(largest);
  for (const auto bytes : closeUp.chunkBytes) chart.values.push_back(double(bytes) / unit.factor);
  chart.positionLabel = QStringLiteral("chunk");
  chart.positionName = QStringLiteral("chunk");
  chart.valueLabel = unit.name;
  return chart;
}

QString sampledText(const TensorStats& tensor, const TensorCloseUp& closeUp) {
  if (closeUp.elementsRead == 0 || closeUp.elementsRead >= tensor.elements) return {};
  return QStringLiteral("sampled %1 of %2 elements").arg(exactCount(closeUp.elementsRead), exactCount(tensor.elements));
}

QString noDeltaText(const TensorStats& tensor, const TensorCloseUp& closeUp) {
  if (tensor.elements == 0) return QStringLiteral("This tensor has no elements.");
  if (!isCodedFloat(tensor.dtype))
    return QStringLiteral("%1 tensors are stored as they are: there is no integer delta to draw.")
        .arg(words(nameOf(tensor.dtype)));
  if (closeUp.histogram.counts.empty()) return QStringLiteral("There is no delta to draw for this tensor.");
  return {};
}

QList<QPair<QString, QString>> factsOf(const TensorStats& t, const TensorVerdict& verdict, bool checkpoint) {
  QList<QPair<QString, QString>> facts;
  const auto add = [&](const char* label, const QString& value) { facts.append({QString::fromLatin1(label), value}); };
  add("Name", QString::fromStdString(t.name));
  add("Shape", QString::fromStdString(shapeText(t.shapeOfFinal()) + (t.transposed ? ", stored transposed" : "")));
  if (const auto stack = matricesOf(t.name, t.shape); stack && t.shape.size() > 2)
    add("Matrices", QStringLiteral("%1 of %2")
                        .arg(exactCount(stack->count), QString::fromStdString(shapeText({stack->rows, stack->columns}))));
  add("Type", words(nameOf(t.dtype)));
  add("Elements", exactCount(t.elements));
  add(checkpoint ? "Size" : "Final", exactCount(t.finalBytes) + QStringLiteral(" bytes"));
  if (checkpoint) return facts;
  add("Stored", QStringLiteral("%1 bytes, %2 bits/weight, ratio %3")
                    .arg(exactCount(t.storedBytes), significant(t.bitsPerWeight(), 4),
                         t.storedBytes ? significant(t.ratio(), 4) : QStringLiteral("∞")));
  add("Base", t.base == BaseKind::None ? QStringLiteral("none")
                                       : QStringLiteral("%1, %2 bytes").arg(words(nameOf(t.base)), exactCount(t.baseBytes)));
  add("Codec", QString::fromStdString(explainChoice(t)));
  add("Zero deltas", QStringLiteral("%1 (%2)").arg(exactCount(t.zeroDeltas), percentText(t.sparsity())));
  add("Patches", exactCount(t.patches));
  add("Raw tiles", exactCount(t.rawTiles));
  add("Chunks", t.chunkCount ? QStringLiteral("%1 of %2 elements").arg(exactCount(t.chunkCount), exactCount(t.chunkElements))
                             : QStringLiteral("none"));
  add("Final hash", QString::fromStdString(toHex(t.finalHash)));
  if (t.base != BaseKind::None) add("Base hash", QString::fromStdString(toHex(t.baseHash)));
  add("Lossless", verdict.state == VerdictState::Exact || verdict.state == VerdictState::Different
                      ? verdictCell(verdict).left(2) + verdictToolTip(verdict)
                      : verdictCell(verdict));
  return facts;
}

}  // namespace deltascope::ui
