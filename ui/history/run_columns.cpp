// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_columns.h"

#include <QDateTime>
#include <QStringList>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/csv.h"
#include "core/bench/run_words.h"
#include "ui/words.h"

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
    {"State", "complete, cancelled or failed; partial: killed, or still running, or not come to its end"},
    {"Mode", "The mode that the figures are of: the plan's, else jit. Modes are never added up"},
    {"Tokens/s", nullptr},
    {"Latency, ms", nullptr},
    {"Rebuild, GB/s", nullptr},
    {"Peak", nullptr},
    {"Verdict", "Whether every weight was reconstructed bit for bit, and how much was not measured"},
    {"Notes", "What was written about the run"},
}};

QString figureWithUnit(double value, RunColumn column) {
  return QString::fromStdString(exactText(describe(figureIn(column)).unit, value));
}

QDateTime timeOf(const RunEntry& entry) { return QDateTime::fromString(entry.created, Qt::ISODate); }

QString modeOf(const RunEntry& entry) {
  QStringList modes;
  for (const std::string& mode : {entry.figures.generationMode, entry.figures.mode})
    if (!mode.empty()) modes << QString::fromStdString(modeWords(mode));
  modes.removeDuplicates();
  return modes.isEmpty() ? QStringLiteral("–") : modes.join(QStringLiteral(", "));
}

QString verdictText(const RunEntry& entry) { return entry.readable() ? entry.verdict : QStringLiteral("✕ unreadable"); }

}  // namespace

bool isFigure(RunColumn column) { return column >= RunColumn::TokensPerSecond && column <= RunColumn::Peak; }

Unit unitFor(const std::vector<RunEntry>& entries) {
  std::uint64_t peak = 0;
  for (const RunEntry& entry : entries) peak = std::max(peak, entry.figures.count(RunFigureId::Peak));
  Unit unit{QStringLiteral("B"), 1};
  for (const char* larger : {"KiB", "MiB", "GiB"})  // as the runs' head lines have it
    if (static_cast<double>(peak) >= 1024 * unit.factor) unit = {QLatin1String(larger), 1024 * unit.factor};
  return unit;
}

QString runHeaderText(RunColumn column, const Unit& unit) {
  const QString text = QString::fromUtf8(kHeadings[static_cast<std::size_t>(column)].text);
  return column == RunColumn::Peak ? text + QStringLiteral(", ") + unit.name : text;
}

QString runHeaderToolTip(RunColumn column) {
  if (!isFigure(column)) return QString::fromUtf8(kHeadings[static_cast<std::size_t>(column)].tip);
  const RunFigure& figure = describe(figureIn(column));
  const char* better = figure.wanted == Wanted::More   ? "; more is better"
                       : figure.wanted == Wanted::Less ? "; less is better"
                                                       : "";
  return words(figure.meaning) + QLatin1String(better);
}

RunFigureId figureIn(RunColumn column) {
  switch (column) {
    case RunColumn::TokensPerSecond:
      return RunFigureId::TokensPerSecond;
    case RunColumn::LatencyMs:
      return RunFigureId::Latency;
    case RunColumn::Reconstruct:
      return RunFigureId::Rebuild;
    default:
      return RunFigureId::Peak;
  }
}

double figureOf(const RunEntry& entry, RunColumn column) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  return isFigure(column) ? entry.figures[figureIn(column)].value.value_or(kNone) : kNone;
}

QString runCellText(const RunEntry& entry, RunColumn column, const Unit& unit) {
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
    case RunColumn::Mode:
      return modeOf(entry);
    case RunColumn::Verdict:
      return verdictText(entry);
    case RunColumn::Notes:
      return entry.notes.simplified();
    case RunColumn::Peak:
      return significant(figureOf(entry, column) / unit.factor);
    default:
      return significant(figureOf(entry, column));
  }
}

RunTone runTone(const RunEntry& entry, RunColumn column) {
  if (column == RunColumn::Verdict) {
    if (!entry.readable() || entry.verdict.startsWith(u'✕')) return RunTone::Bad;
    return entry.verdict.startsWith(u'✓') ? RunTone::Good : RunTone::Muted;
  }
  if (column == RunColumn::State) {
    if (entry.state == u"complete") return RunTone::Muted;
    return entry.state.startsWith(u"failed") || !entry.readable() ? RunTone::Bad : RunTone::Warn;
  }
  if (isFigure(column) && !std::isfinite(figureOf(entry, column))) return RunTone::Muted;
  return entry.readable() ? RunTone::Plain : RunTone::Muted;
}

QString runToolTip(const RunEntry& entry, RunColumn column) {
  if (!entry.readable()) return entry.file + u'\n' + entry.problem;
  if (isFigure(column)) {
    const double value = figureOf(entry, column);
    if (!std::isfinite(value)) return QStringLiteral("not measured");
    QString text = figureWithUnit(value, column);
    const auto also = [&](RunFigureId id, const char* before) {
      if (const auto& other = entry.figures[id].value)
        text += QString(u'\n') + QLatin1String(before) + QString::fromStdString(exactText(describe(id).unit, *other));
    };
    if (const auto mode = entry.figures.modeOf(figureIn(column)); !mode.empty())
      text += QStringLiteral(", ") + QString::fromStdString(modeWords(mode));
    if (column == RunColumn::LatencyMs) also(RunFigureId::Resident, "with resident final weights: ");
    if (column == RunColumn::Peak) {
      also(RunFigureId::Budget, "budget: ");
      also(RunFigureId::PlannedPeak, "planned: ");
      also(RunFigureId::OutsidePeak, "beside the plan, for reference and baselines: ");
      also(RunFigureId::OwnPeak, "the most that the whole process held: ");
    }
    return text;
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
    case RunColumn::Mode:
      return runHeaderToolTip(column);
    case RunColumn::Verdict:
      return entry.sentence;
    case RunColumn::Notes:
      return entry.notes;
    default:
      return runCellText(entry, column, Unit{});
  }
}

std::optional<FigureDifference> differenceOf(const RunEntry& entry, const RunEntry& baseline, RunColumn column,
                                             double threshold) {
  const double value = figureOf(entry, column), from = figureOf(baseline, column);
  if (!std::isfinite(value) || !std::isfinite(from) || !(std::abs(from) > 0)) return std::nullopt;
  FigureDifference difference{(value - from) / std::abs(from)};
  for (const std::string& apart : conditionsApart(baseline.conditions, entry.conditions))
    difference.apart << QString::fromStdString(apart);
  const RunFigureId id = figureIn(column);
  switch (judge(describe(id), baseline.figures[id], entry.figures[id], threshold, difference.apart.isEmpty())) {
    case DiffMetric::Verdict::Better:
      difference.tone = RunTone::Good;
      break;
    case DiffMetric::Verdict::Worse:
      difference.tone = RunTone::Bad;
      break;
    default:
      break;
  }
  return difference;
}

QString differenceText(const FigureDifference& difference) {
  return difference.apart.isEmpty() ? differenceText(difference.relative) : QStringLiteral("≠");
}

QStringList apartIn(const RunEntry& entry, const RunEntry& baseline, RunColumn column) {
  constexpr std::array<std::pair<const char*, RunColumn>, 5> kShown{{{"model: ", RunColumn::Model},
                                                                     {"device: ", RunColumn::Device},
                                                                     {"processor: ", RunColumn::Device},
                                                                     {"end: ", RunColumn::State},
                                                                     {"mode of the figures: ", RunColumn::Mode}}};
  QStringList found;
  if (!entry.readable()) return found;
  for (const std::string& apart : conditionsApart(baseline.conditions, entry.conditions)) {
    RunColumn shownIn = RunColumn::Settings;
    for (const auto& [name, where] : kShown)
      if (apart.starts_with(name)) shownIn = where;
    if (shownIn == column) found << QString::fromStdString(apart);
  }
  return found;
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
  const QString to = QStringLiteral("%1 to the baseline's %2")
                         .arg(differenceText(difference.relative), figureWithUnit(figureOf(baseline, column), column));
  if (!difference.apart.isEmpty())
    return to + QStringLiteral(", which says nothing: not the same\n") + difference.apart.join(u'\n');
  const double spread = std::max(entry.figures[figureIn(column)].spread, baseline.figures[figureIn(column)].spread);
  const bool neither = describe(figureIn(column)).wanted == Wanted::Neither;
  const char* word = difference.tone == RunTone::Good  ? "better"
                     : difference.tone == RunTone::Bad ? "worse"
                     : neither                         ? "for information"
                                                       : "within the noise";
  return to + QStringLiteral(": ") + QLatin1String(word) +
         (spread > 0 ? QStringLiteral("\nrepetitions alone differ by ") + figureWithUnit(spread, column) : QString());
}

QByteArray runsToCsv(const std::vector<RunEntry>& entries, const QString& baseline) {
  using Id = RunFigureId;
  QByteArray csv =
      "file,name,created_utc,baseline,model,model_fingerprint,device,settings,state,measurements,tokens_per_second,latency_ms,"
      "resident_latency_ms,reconstruct_gb_per_s,peak_memory_bytes,passed,notes,problem,mode,generation_mode,planned_peak_bytes,"
      "budget_bytes,outside_peak_bytes,own_peak_bytes,tensors,checks,checks_passed,not_measured,verdict\r\n";
  for (const RunEntry& e : entries) {
    const auto number = [&](Id id) {
      const auto& value = e.figures[id].value;
      return value && e.readable() ? exactNumber(*value) : QString();
    };
    QStringList fields{e.file,   e.name,     e.created, e.file == baseline ? "yes" : "no", e.model, e.modelFingerprint,
                       e.device, e.settings, e.state};
    fields << (e.readable() ? QString::number(e.rows) : QString());
    for (const Id id : {Id::TokensPerSecond, Id::Latency, Id::Resident, Id::Rebuild, Id::Peak}) fields << number(id);
    fields << (e.readable() ? (e.passed ? "yes" : "no") : "") << e.notes << e.problem << QString::fromStdString(e.figures.mode)
           << QString::fromStdString(e.figures.generationMode);
    for (const Id id : {Id::PlannedPeak, Id::Budget, Id::OutsidePeak, Id::OwnPeak, Id::Tensors, Id::Checks, Id::ChecksPassed,
                        Id::NotMeasured})
      fields << number(id);
    fields << e.sentence;
    for (qsizetype i = 0; i < fields.size(); ++i)
      csv += (i ? "," : "") + QByteArray::fromStdString(csvField(fields[i].toStdString()));
    csv += "\r\n";
  }
  return csv;
}

}  // namespace deltascope::ui
