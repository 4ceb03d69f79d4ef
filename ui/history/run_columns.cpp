// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_columns.h"

#include <QDateTime>
#include <QLocale>
#include <QStringList>
#include <array>
#include <cmath>

#include "core/bench/csv.h"

namespace deltascope::ui {
namespace {

struct Heading {
  const char* text;
  const char* tip;
};
constexpr std::array<Heading, kRunColumnCount> kHeadings{{
    {"★", "The baseline that other runs are compared with; click to pin or unpin"},
    {"Name", "The run's name"},
    {"Time", "When the run began, in local time"},
    {"Model", "The model that was measured"},
    {"Device", "Where it was measured"},
    {"Settings", "What was measured, and how"},
    {"State", "complete, cancelled, failed; partial: killed, or still running"},
    {"Tokens/s", "Median speed of generation; more is better"},
    {"Latency, ms",
     "Time of one use of every measured tensor, reconstruction included: the sum of the medians; less is better"},
    {"Rebuild, GB/s", "10⁹ bytes of final weights reconstructed a second, all tensors together; more is better"},
    {"Peak", "The most device memory accounted to the run; less is better"},
    {"Verdict", "Whether every weight was reconstructed bit for bit"},
    {"Notes", "What was written about the run"},
}};

bool moreIsBetter(RunColumn column) { return column == RunColumn::TokensPerSecond || column == RunColumn::Reconstruct; }

QString shortest(double value) {
  return std::isfinite(value) ? QString::number(value, 'g', QLocale::FloatingPointShortest) : QString();
}

QString figureWithUnit(double value, RunColumn column) {
  switch (column) {
    case RunColumn::TokensPerSecond:
      return shortest(value) + QStringLiteral(" tokens/s");
    case RunColumn::LatencyMs:
      return shortest(value) + QStringLiteral(" ms");
    case RunColumn::Reconstruct:
      return shortest(value) + QStringLiteral(" GB/s");
    default:
      return exactCount(static_cast<std::uint64_t>(value)) + QStringLiteral(" bytes");
  }
}

QDateTime timeOf(const RunEntry& entry) { return QDateTime::fromString(entry.created, Qt::ISODate); }

QString verdictText(const RunEntry& entry) {
  if (!entry.readable()) return QStringLiteral("✕ unreadable");
  if (entry.rows == 0) return QStringLiteral("– none");
  return entry.passed ? QStringLiteral("✓ bit-exact") : QStringLiteral("✕ not passed");
}

QString verdictToolTip(const RunEntry& entry) {
  if (!entry.readable()) return entry.problem;
  if (entry.rows == 0) return QStringLiteral("nothing was measured");
  return entry.passed ? QStringLiteral("all %1 measurements were bit-exact").arg(entry.rows)
                      : QStringLiteral("a weight was not bit-exact, or an output was zero: open the run to see which");
}

}  // namespace

bool isFigure(RunColumn column) { return column >= RunColumn::TokensPerSecond && column <= RunColumn::Peak; }

QString runHeaderText(RunColumn column, const Unit& peakUnit) {
  const QString text = QString::fromUtf8(kHeadings[static_cast<std::size_t>(column)].text);
  return column == RunColumn::Peak ? text + QStringLiteral(", ") + peakUnit.name : text;
}

QString runHeaderToolTip(RunColumn column) { return QString::fromUtf8(kHeadings[static_cast<std::size_t>(column)].tip); }

double figureOf(const RunEntry& entry, RunColumn column) {
  switch (column) {
    case RunColumn::TokensPerSecond:
      return entry.tokensPerSecond;
    case RunColumn::LatencyMs:
      return entry.latencyMs;
    case RunColumn::Reconstruct:
      return entry.reconstructGbPerSecond;
    case RunColumn::Peak:
      return entry.peakBytes ? static_cast<double>(entry.peakBytes) : RunEntry::kNone;
    default:
      return RunEntry::kNone;
  }
}

QString runCellText(const RunEntry& entry, RunColumn column, const Unit& peakUnit) {
  switch (column) {
    case RunColumn::Baseline:
      return {};
    case RunColumn::Name:
      return entry.title();
    case RunColumn::Time: {
      const QDateTime time = timeOf(entry);
      return time.isValid() ? time.toLocalTime().toString(QStringLiteral("yyyy-MM-dd HH:mm")) : entry.created;
    }
    case RunColumn::Model:
      return entry.model;
    case RunColumn::Device:
      return entry.device;
    case RunColumn::Settings:
      return entry.settings;
    case RunColumn::State:
      return entry.state;
    case RunColumn::Verdict:
      return verdictText(entry);
    case RunColumn::Notes:
      return entry.notes.simplified();
    case RunColumn::Peak:
      return significant(figureOf(entry, column) / peakUnit.factor);
    default:
      return significant(figureOf(entry, column));
  }
}

RunTone runTone(const RunEntry& entry, RunColumn column) {
  if (column == RunColumn::Verdict) {
    if (entry.readable() && entry.rows == 0) return RunTone::Muted;
    return entry.passed ? RunTone::Good : RunTone::Bad;
  }
  if (column == RunColumn::State) {
    if (entry.state == u"complete") return RunTone::Muted;
    return entry.state == u"failed" || !entry.readable() ? RunTone::Bad : RunTone::Warn;
  }
  if (isFigure(column) && !std::isfinite(figureOf(entry, column))) return RunTone::Muted;
  return entry.readable() ? RunTone::Plain : RunTone::Muted;
}

QString runToolTip(const RunEntry& entry, RunColumn column) {
  if (!entry.readable()) return entry.file + u'\n' + entry.problem;
  if (isFigure(column)) {
    const double value = figureOf(entry, column);
    if (!std::isfinite(value)) return QStringLiteral("not measured");
    const QString text = figureWithUnit(value, column);
    if (column != RunColumn::LatencyMs || !std::isfinite(entry.residentMs)) return text;
    return text + QStringLiteral("\nwith resident final weights: ") + figureWithUnit(entry.residentMs, column);
  }
  switch (column) {
    case RunColumn::Name:
      return entry.title() + u'\n' + entry.file;
    case RunColumn::Time:
      return entry.created;
    case RunColumn::Model:
      return entry.model + QStringLiteral("\nfingerprint ") + entry.modelFingerprint;
    case RunColumn::State:
      return entry.state == u"partial" ? QStringLiteral("partial: the run was killed, or still runs") : entry.state;
    case RunColumn::Verdict:
      return verdictToolTip(entry);
    case RunColumn::Notes:
      return entry.notes;
    default:
      return runCellText(entry, column, {});
  }
}

std::optional<FigureDifference> differenceOf(const RunEntry& entry, const RunEntry& baseline, RunColumn column,
                                             double threshold) {
  const double value = figureOf(entry, column), from = figureOf(baseline, column);
  if (!std::isfinite(value) || !std::isfinite(from) || !(std::abs(from) > 0)) return std::nullopt;
  FigureDifference difference{(value - from) / std::abs(from), RunTone::Muted};
  if (std::abs(difference.relative) > threshold)
    difference.tone = (difference.relative > 0) == moreIsBetter(column) ? RunTone::Good : RunTone::Bad;
  return difference;
}

QString differenceText(double relative) {
  const double percent = 100 * relative, size = std::abs(percent);
  const QString number =
      size < 9.95 ? QString::number(size, 'f', 1) : exactCount(static_cast<std::uint64_t>(std::llround(std::min(size, 1e15))));
  if (size < 0.05) return number + QStringLiteral(" %");
  return QChar(percent < 0 ? 0x2212 : '+') + number + QStringLiteral(" %");
}

QString differenceToolTip(const RunEntry& entry, const RunEntry& baseline, RunColumn column,
                          const FigureDifference& difference) {
  const char* word =
      difference.tone == RunTone::Good ? "better" : (difference.tone == RunTone::Bad ? "worse" : "within the noise");
  QString text =
      QStringLiteral("%1 to the baseline's %2: %3")
          .arg(differenceText(difference.relative), figureWithUnit(figureOf(baseline, column), column), QLatin1String(word));
  QStringList others;
  if (entry.modelFingerprint != baseline.modelFingerprint) others << QStringLiteral("model");
  if (entry.device != baseline.device) others << QStringLiteral("device");
  if (entry.settings != baseline.settings) others << QStringLiteral("settings");
  if (!others.isEmpty()) text += QStringLiteral("\nnot the same: ") + others.join(QStringLiteral(", "));
  return text;
}

QByteArray runsToCsv(const std::vector<RunEntry>& entries, const QString& baseline) {
  QByteArray csv =
      "file,name,created_utc,baseline,model,model_fingerprint,device,settings,state,measurements,tokens_per_second,latency_ms,"
      "resident_latency_ms,reconstruct_gb_per_s,peak_memory_bytes,passed,notes,problem\r\n";
  for (const RunEntry& e : entries) {
    QStringList fields{e.file,   e.name,     e.created, e.file == baseline ? "yes" : "no", e.model, e.modelFingerprint,
                       e.device, e.settings, e.state};
    fields << (e.readable() ? QString::number(e.rows) : QString()) << shortest(e.tokensPerSecond) << shortest(e.latencyMs)
           << shortest(e.residentMs) << shortest(e.reconstructGbPerSecond)
           << (e.peakBytes ? QString::number(e.peakBytes) : QString()) << (e.readable() ? (e.passed ? "yes" : "no") : "")
           << e.notes << e.problem;
    for (qsizetype i = 0; i < fields.size(); ++i)
      csv += (i ? "," : "") + QByteArray::fromStdString(csvField(fields[i].toStdString()));
    csv += "\r\n";
  }
  return csv;
}

}  // namespace deltascope::ui
