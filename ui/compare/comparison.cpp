// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/compare/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/base/csv.h"
#include "core/base/number.h"
#include "ui/charts/numbers.h"
#include "ui/report/run_words.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

/// Rows of all differences together, in the order of the first that has them.
void join(TableComparison& comparison) {
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  for (std::size_t other = 0; other < comparison.diffs.size(); ++other)
    for (const DiffRow& row : comparison.diffs[other].rows) {
      const auto [at, fresh] = known.try_emplace({row.tensor, row.mode}, comparison.rows.size());
      if (fresh) {
        comparison.rows.push_back({row.tensor, row.mode, {}});
        comparison.rows.back().others.resize(comparison.diffs.size());
      }
      comparison.rows[at->second].others[other] = &row;
    }
}

struct Words {
  const char *metric, *words;
};
constexpr std::array<Words, 10> kWords{{{"latency_gt_ms", "resident latency, ms"},
                                        {"latency_jit_ms", "latency in use, ms"},
                                        {"overhead_ms", "overhead, ms"},
                                        {"reconstruct_gb_per_s", "reconstruction, GB/s"},
                                        {"tokens_per_second", "tokens/s"},
                                        {"time_to_first_token_ms", "first token, ms"},
                                        {"peak_memory_bytes", "peak memory, bytes"},
                                        {"memory_saved_bytes", "memory saved, bytes"},
                                        {"stored_bytes", "stored bytes"},
                                        {"bits_per_weight", "bits/weight"}}};

QByteArray field(const QString& text) { return QByteArray::fromStdString(csvField(text.toStdString())); }
QByteArray number(std::optional<double> value) { return value ? QByteArray::fromStdString(numberText(*value)) : QByteArray(); }

}  // namespace

bool TableComparison::Row::differs() const {
  return std::any_of(others.begin(), others.end(), [](const DiffRow* row) { return row && row->differs(); });
}

TableComparison compareAll(const std::vector<NamedRun>& runs, double threshold) {
  TableComparison comparison;
  for (const NamedRun& run : runs) comparison.names << run.name;
  for (std::size_t other = 1; other < runs.size(); ++other)
    comparison.diffs.push_back(compareRuns(runs.front().run, runs[other].run, threshold));
  join(comparison);
  return comparison;
}

TableComparison compareAll(const NamedTable& a, const NamedTable& b) {
  TableComparison comparison;
  comparison.names << a.name << b.name;
  comparison.diffs.push_back(comparePayloads(a.tensors, b.tensors));
  comparison.payloads = true;
  join(comparison);
  return comparison;
}

QStringList metricsOf(const TableComparison& comparison) {
  QStringList metrics;
  for (const RunDiff& diff : comparison.diffs)
    for (const DiffRow& row : diff.rows)
      for (const DiffMetric& metric : row.metrics)
        if (const QString name = words(metric.name); (metric.a || metric.b) && !metrics.contains(name)) metrics << name;
  return metrics;
}

QString metricWords(const QString& metric) {
  for (const Words& one : kWords)
    if (metric == QLatin1String(one.metric)) return QLatin1String(one.words);
  return QString(metric).replace('_', ' ');
}

QString sentenceOf(const TableComparison& comparison, const QString& metric) {
  if (comparison.rows.empty()) return "The two have no row to compare.";
  const auto differing =
      std::count_if(comparison.rows.begin(), comparison.rows.end(), [](const auto& row) { return row.differs(); });
  int better = 0, worse = 0;
  double largest = 0;
  QString where;
  for (const auto& row : comparison.rows)
    for (const DiffRow* other : row.others) {
      const DiffMetric* found = other ? other->find(metric.toStdString()) : nullptr;
      if (!found || found->verdict == DiffMetric::Verdict::Same) continue;
      better += found->verdict == DiffMetric::Verdict::Better;
      worse += found->verdict == DiffMetric::Verdict::Worse;
      if (const auto relative = found->relative(); relative && std::abs(*relative) > std::abs(largest)) {
        largest = *relative;
        where = shortTensor(row.tensor) + (row.mode.empty() ? QString() : ", " + words(row.mode));
      }
    }
  QString sentence = differing == 0 ? QString("No difference beyond noise in %1 rows").arg(comparison.rows.size())
                                    : QString("%1 of %2 rows differ beyond noise").arg(differing).arg(comparison.rows.size());
  if (better + worse > 0) sentence += QString("; %1: %2 better, %3 worse").arg(metricWords(metric)).arg(better).arg(worse);
  if (!where.isEmpty()) sentence += QString("; the largest change %1 % (%2)").arg(signedNumber(100 * largest), where);
  return sentence + '.';
}

QStringList figureLines(const TableComparison& comparison) {
  QStringList lines;
  for (std::size_t other = 0; other < comparison.diffs.size(); ++other) {
    const auto& figures = comparison.diffs[other].figures;
    if (!figures) continue;
    QStringList parts;
    for (const RunFigureId id :
         {RunFigureId::TokensPerSecond, RunFigureId::Latency, RunFigureId::Rebuild, RunFigureId::Peak, RunFigureId::OwnPeak}) {
      const RunFigure& figure = describe(id);
      const DiffMetric* metric = figures->find(figure.key);
      if (!metric || !metric->a || !metric->b) continue;
      QString part = QString("%1 %2 → %3")
                         .arg(words(figure.label), QString::fromStdString(shortText(figure.unit, *metric->a)),
                              QString::fromStdString(shortText(figure.unit, *metric->b)));
      if (const auto relative = metric->relative())
        part += QString(" (%1 %, %2)").arg(signedNumber(100 * *relative), words(nameOf(metric->verdict)));
      parts << part;
    }
    if (!parts.isEmpty())
      lines << letterOf(0) + " → " + letterOf(std::ptrdiff_t(other) + 1) +
                   (figures->mode.empty() ? QString() : ", " + modeText(figures->mode)) + ": " + parts.join("; ");
  }
  return lines;
}

QStringList notesOf(const TableComparison& comparison) {
  QStringList notes;
  for (std::size_t other = 0; other < comparison.diffs.size(); ++other)
    for (const std::string& note : comparison.diffs[other].notes) {
      QString line = QString::fromStdString(note);
      if (comparison.diffs.size() > 1) line = comparison.names[static_cast<qsizetype>(other) + 1] + ": " + line;
      if (!notes.contains(line)) notes << line;
    }
  return notes;
}

QString letterOf(std::ptrdiff_t side) {
  return side < 26 ? QString(QChar(u'A' + static_cast<char16_t>(side))) : QString::number(side + 1);
}

SpreadChart overlay(const TableComparison& comparison, const QString& metric, const std::vector<int>& rows) {
  SpreadChart chart;
  chart.positionLabel = "row of the table";
  chart.valueLabel = metricWords(metric);
  const std::string name = metric.toStdString();
  for (qsizetype side = 0; side < comparison.names.size(); ++side)
    chart.series.push_back({letterOf(side), std::vector<SpreadChart::Point>(rows.size())});
  const auto put = [&](std::size_t side, std::size_t at, std::optional<double> value) {
    if (value) chart.series[side].points[at] = {*value, *value, *value, true};
  };
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto& row = comparison.rows[static_cast<std::size_t>(rows[at])];
    chart.positions << shortTensor(row.tensor) + (row.mode.empty() ? QString() : " · " + modeText(row.mode));
    for (std::size_t other = 0; other < row.others.size(); ++other) {
      const DiffMetric* found = row.others[other] ? row.others[other]->find(name) : nullptr;
      if (!found) continue;
      put(0, at, found->a);
      put(other + 1, at, found->b);
    }
  }
  return chart;
}

QByteArray toCsv(const TableComparison& comparison, const std::vector<int>& rows) {
  QByteArray csv =
      "tensor,mode,baseline,other,side,metric,baseline_value,other_value,absolute,relative,noise,verdict,remarks\r\n";
  const auto add = [&](const DiffRow& diff, std::size_t other) {
    QStringList remarks;
    for (const std::string& remark : diff.remarks) remarks << QString::fromStdString(remark);
    const QByteArray head = field(words(diff.tensor)) + ',' + field(words(diff.mode)) + ',' + field(comparison.names.front()) +
                            ',' + field(comparison.names[static_cast<qsizetype>(other) + 1]) + ',' +
                            (diff.inA ? (diff.inB ? "both" : "baseline") : "other") + ',';
    for (const DiffMetric& metric : diff.metrics)
      csv += head + field(words(metric.name)) + ',' + number(metric.a) + ',' + number(metric.b) + ',' +
             number(metric.absolute()) + ',' + number(metric.relative()) + ',' + number(metric.noise) + ',' +
             field(words(nameOf(metric.verdict))) + ',' + field(remarks.join("; ")) + "\r\n";
  };
  for (std::size_t other = 0; other < comparison.diffs.size(); ++other)
    if (comparison.diffs[other].figures) add(*comparison.diffs[other].figures, other);
  for (const int index : rows) {
    const auto& others = comparison.rows[static_cast<std::size_t>(index)].others;
    for (std::size_t other = 0; other < others.size(); ++other)
      if (others[other]) add(*others[other], other);
  }
  return csv;
}

}  // namespace deltascope::ui
