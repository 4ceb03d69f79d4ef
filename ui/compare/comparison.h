// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A baseline and one or more others beside it: runs, or payloads. Plain data over the engine's differences.
#include <QByteArray>
#include <QString>
#include <QStringList>
#include <vector>

#include "core/bench/diff.h"
#include "ui/charts/chart.h"

namespace deltascope::ui {

struct NamedRun {
  QString name;
  BenchmarkRun run;
};
struct NamedTable {
  QString name;
  std::vector<TensorStats> tensors;
};

struct TableComparison {
  struct Row {
    std::string tensor, mode;
    std::vector<const DiffRow*> others;  ///< one a difference; null: neither side has it there
    [[nodiscard]] bool differs() const;
  };
  QStringList names;           ///< the baseline's first
  std::vector<RunDiff> diffs;  ///< of each other to the baseline
  std::vector<Row> rows;       ///< into diffs: do not copy one without the other
  bool payloads = false;

  TableComparison() = default;
  TableComparison(TableComparison&&) = default;
  TableComparison& operator=(TableComparison&&) = default;
};

/// Two runs at least, the first is the baseline.
[[nodiscard]] TableComparison compareAll(const std::vector<NamedRun>& runs, double threshold);
[[nodiscard]] TableComparison compareAll(const NamedTable& a, const NamedTable& b);

/// "A", "B", … of a side, for headers and charts.
[[nodiscard]] QString letterOf(std::ptrdiff_t side);
/// Metrics that occur, as the record names them, in its order.
[[nodiscard]] QStringList metricsOf(const TableComparison& comparison);
/// "latency in use, ms"; as it is where there are no words.
[[nodiscard]] QString metricWords(const QString& metric);
/// "3 of 74 rows differ beyond noise; latency in use: 2 better, 1 worse, the largest −12.4 % (q_proj, jit)".
[[nodiscard]] QString sentenceOf(const TableComparison& comparison, const QString& metric);
/// "A → B, jit: latency 1.77 ms → 1.80 ms (+1.69 %, same); peak …": the runs' own figures, a line for each other.
[[nodiscard]] QStringList figureLines(const TableComparison& comparison);
/// What both sides should have in common and do not, one line each.
[[nodiscard]] QStringList notesOf(const TableComparison& comparison);
/// A series a side over the rows: the metric of each. Medians alone, the spread is in the table.
[[nodiscard]] SpreadChart overlay(const TableComparison& comparison, const QString& metric, const std::vector<int>& rows);
/// Rows given by index (RFC 4180): tensor, mode, other, side, metric, both values, differences, noise, verdict, remarks.
[[nodiscard]] QByteArray toCsv(const TableComparison& comparison, const std::vector<int>& rows);

}  // namespace deltascope::ui
