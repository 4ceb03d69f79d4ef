// SPDX-License-Identifier: GPL-3.0-or-later
// The tables of a run's section.
#include <cmath>
#include <map>

#include "core/base/number.h"
#include "core/bench/run_words.h"
#include "core/checkpoint/gguf_value.h"
#include "core/checkpoint/tensor.h"
#include "ui/charts/numbers.h"
#include "ui/report/run_section.h"
#include "ui/report/run_words.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

using Kind = HtmlTable::Kind;
using Cell = HtmlTable::Cell;

const QString kBaselines = QStringLiteral("Baselines: the same in other ways, to compare with");

QString exact(double value) { return exactNumber(value); }
QString bytes(std::uint64_t n) { return exactCount(n) + QStringLiteral(" bytes"); }

/// One unit for a column of bytes: in its header, not in its cells.
struct SizeColumn {
  ByteScale scale;
  SizeColumn(const BenchmarkRun& run, bool generation, double (*value)(const BenchmarkRow&)) {
    double largest = 0;
    for (const auto* rows : {&run.rows, &run.baselines})
      for (const auto& row : *rows)
        if (row.generation.has_value() == generation) largest = std::max(largest, std::abs(value(row)));
    scale = byteScale(static_cast<std::uint64_t>(largest));
  }
  [[nodiscard]] HtmlTable::Header head(const char* name) const {
    return {QString(QLatin1String(name)) + u' ' + words(scale.name), Kind::Number};
  }
  [[nodiscard]] Cell cell(double value, bool sign = false) const {
    const QString text = QString::fromStdString(textIn(scale, value));
    return {sign && value > 0 ? u'+' + text : text, exactInteger(static_cast<std::int64_t>(value)) + QStringLiteral(" bytes")};
  }
};
double sizeOf(const BenchmarkRow& row) { return double(row.layerBytes); }
double peakOf(const BenchmarkRow& row) { return double(row.peakMemoryBytes); }
double plannedOf(const BenchmarkRow& row) { return row.generation ? double(row.generation->expectedPeakBytes) : 0; }
double savedOf(const BenchmarkRow& row) { return double(row.memorySavedBytes()); }

Cell overhead(const BenchmarkRow& row) {
  if (row.residentMs.empty() || row.usedMs.empty()) return {QStringLiteral("–")};
  return {signedNumber(row.overheadMs()), exact(row.overheadMs()), words(overheadNote(row))};
}
Cell spread(const Timings& timings) {
  QStringList values;
  for (const double value : timings.values) values << exact(value);
  const QString range = timings.values.size() < 2
                            ? QString()
                            : QStringLiteral("%1–%2").arg(significant(timings.least()), significant(timings.most()));
  return {timings.empty() ? QStringLiteral("–") : significant(timings.median()), values.mid(0, 100).join(QStringLiteral(", ")),
          range};
}
/// "✓ bit-exact", and below it how many elements that is.
Cell verdict(const BenchmarkRow& row) {
  if (!row.bitExact || row.generation) return {rowVerdict(row)};
  return {QStringLiteral("✓ bit-exact"), rowVerdict(row), QStringLiteral("all %1").arg(exactCount(row.elementsCompared))};
}
/// Of a figure that only exists where `timings` were taken.
Cell measured(const Timings& timings, double value, const QString& text) {
  return timings.empty() ? Cell{QStringLiteral("–")} : Cell{text, exact(value)};
}

HtmlTable::Row tensorRow(const BenchmarkRow& row, const SizeColumn& size, const SizeColumn& peak, const SizeColumn& saved) {
  return {
      {{shortTensor(row.tensor), words(row.tensor), words(row.operation) + QStringLiteral(", ") + words(shapeText(row.shape))},
       {modeText(row.mode)},
       {words(row.codec)},
       size.cell(sizeOf(row)),
       spread(row.residentMs),
       spread(row.usedMs),
       overhead(row),
       measured(row.rebuildMs, row.reconstructGbPerSecond(), significant(row.reconstructGbPerSecond())),
       row.copyShare > 0 ? Cell{percentText(row.copyShare), exact(row.copyShare)} : Cell{QStringLiteral("–")},
       peak.cell(peakOf(row)),
       saved.cell(savedOf(row), true),
       verdict(row),
       {row.outputCount ? significant(row.outputNorm) : QStringLiteral("–"), exact(row.outputNorm)}},
      false,
      {}};
}

QString placementsText(const GenerationFigures& g) {
  QStringList parts;
  for (const char* mode : {"static", "jit", "stream"})
    if (const auto found = g.placements.find(mode); found != g.placements.end() && found->second)
      parts << QStringLiteral("%1 %2").arg(exactCount(found->second), QLatin1String(mode));
  return parts.isEmpty() ? QStringLiteral("–") : parts.join(QStringLiteral(", "));
}

/// Some row was generated with drafts.
bool hasDrafts(const BenchmarkRun& run) {
  return std::any_of(run.rows.begin(), run.rows.end(), [](const BenchmarkRow& row) {
    return row.generation && row.generation->drafts && row.generation->drafts->asked();
  });
}

Cell ratio(const std::optional<double>& value) {
  return value ? Cell{significant(*value), exact(*value)} : Cell{QStringLiteral("–")};
}

/// Before the verdict.
void addDrafts(QList<Cell>& cells, const std::optional<DraftFigures>& drafts) {
  const bool asked = drafts && drafts->asked();
  Cell right = ratio(asked ? drafts->acceptance() : std::nullopt);
  if (asked && drafts->simulatedAcceptance) right.below = QStringLiteral("simulated");
  for (const Cell& cell : {ratio(asked ? drafts->tokensPerPass() : std::nullopt), right,
                           asked ? spread(drafts->draftMs) : Cell{QStringLiteral("–")},
                           drafts ? spread(drafts->verifyMs) : Cell{QStringLiteral("–")}})
    cells.insert(cells.size() - 1, cell);
}

HtmlTable::Row generationRow(const BenchmarkRow& row, const SizeColumn& peak, const SizeColumn& planned,
                             const SizeColumn& saved) {
  const auto& g = *row.generation;
  const QString matches = !g.matchesResident   ? QStringLiteral("–")
                          : *g.matchesResident ? QStringLiteral("✓ yes")
                                               : QStringLiteral("✕ no");
  return {{{modeText(row.mode)},
           spread(g.tokensPerSecond),
           spread(g.timeToFirstTokenMs),
           {exactCount(g.ids.size())},
           {exactCount(g.bytesPerToken)},
           peak.cell(peakOf(row)),
           planned.cell(plannedOf(row)),
           saved.cell(savedOf(row), true),
           {placementsText(g)},
           {words(g.logitsHash).left(8), words(g.logitsHash)},
           {row.mode == "resident" ? QStringLiteral("–") : matches},
           verdict(row)},
          false,
          {}};
}

/// Rows, then baselines under a line of their own.
template <class Make>
void fill(HtmlTable& table, const BenchmarkRun& run, bool generation, Make make) {
  for (const auto& row : run.rows)
    if (row.generation.has_value() == generation) table.rows << make(row);
  bool first = true;
  for (const auto& row : run.baselines) {
    if (row.generation.has_value() != generation) continue;
    if (std::exchange(first, false)) table.rows << HtmlTable::Row{{}, false, kBaselines};
    HtmlTable::Row baseline = make(row);
    baseline.muted = true;
    table.rows << baseline;
  }
}

/// Labels of the figures that are compared, and whether they are bytes.
struct Figure {
  QString label;
  bool bytes = false;
};
Figure figureOf(const std::string& name) {
  static const std::map<std::string, Figure> kFigures{{"latency_gt_ms", {QStringLiteral("resident ms")}},
                                                      {"latency_jit_ms", {QStringLiteral("with reconstruction ms")}},
                                                      {"overhead_ms", {QStringLiteral("overhead ms")}},
                                                      {"reconstruct_gb_per_s", {QStringLiteral("rebuilt GB/s")}},
                                                      {"tokens_per_second", {QStringLiteral("tokens/s")}},
                                                      {"time_to_first_token_ms", {QStringLiteral("first token ms")}},
                                                      {"layer_bytes", {QStringLiteral("size"), true}},
                                                      {"stored_bytes", {QStringLiteral("stored"), true}},
                                                      {"resident_bytes", {QStringLiteral("kept in memory"), true}},
                                                      {"peak_memory_bytes", {QStringLiteral("peak"), true}},
                                                      {"memory_saved_bytes", {QStringLiteral("saved"), true}}};
  for (const RunFigure& figure : runFigureTable())
    if (figure.key == name && !kFigures.contains(name))
      return {
          words(figure.label) +
              (figure.unit == FigureUnit::Bytes || nameOf(figure.unit).empty() ? QString() : u' ' + words(nameOf(figure.unit))),
          figure.unit == FigureUnit::Bytes};
  const auto found = kFigures.find(name);
  return found == kFigures.end() ? Figure{words(name), name.ends_with("_bytes")} : found->second;
}

Cell side(const std::optional<double>& value, bool isBytes, bool sign) {
  if (!value) return {QStringLiteral("–")};
  const QString text = !isBytes             ? (sign ? signedNumber(*value) : significant(*value))
                       : sign || *value < 0 ? signedBytes(static_cast<std::int64_t>(*value))
                                            : sizeText(static_cast<std::uint64_t>(*value));
  return {text, exact(*value)};
}

QString verdictText(DiffMetric::Verdict verdict) {
  switch (verdict) {
    case DiffMetric::Verdict::Better:
      return QStringLiteral("✓ better");
    case DiffMetric::Verdict::Worse:
      return QStringLiteral("✕ worse");
    case DiffMetric::Verdict::Changed:
      return QStringLiteral("≠ changed");
    case DiffMetric::Verdict::Same:
      break;
  }
  return QStringLiteral("– same");
}

QString relativeText(const DiffMetric& metric) {
  const auto relative = metric.relative();
  if (!relative) return QStringLiteral("–");
  return (*relative > 0 ? QStringLiteral("+") : QString()) + percentText(*relative);
}

}  // namespace

HtmlTable figureRows(const BenchmarkRun& run) {
  HtmlTable table;
  table.headers = {{QStringLiteral("Figure"), Kind::Name},
                   {QStringLiteral("Mode")},
                   {QStringLiteral("Value"), Kind::Number},
                   {QStringLiteral("Exactly"), Kind::Number},
                   {QStringLiteral("What it is")}};
  const RunFigures figures = figuresOf(run);
  for (const RunFigure& figure : runFigureTable()) {
    const auto& value = figures[figure.id].value;
    if (!value) continue;
    const bool count = figure.unit == FigureUnit::Count;
    table.rows << HtmlTable::Row{{{words(figure.label), words(figure.key)},
                                  {modeText(std::string(figures.modeOf(figure.id)))},
                                  {QString::fromStdString(shortText(figure.unit, *value))},
                                  {count ? QString() : QString::fromStdString(exactText(figure.unit, *value))},
                                  {words(figure.meaning)}},
                                 false,
                                 {}};
  }
  return table;
}

HtmlTable tensorRows(const BenchmarkRun& run) {
  const SizeColumn size(run, false, sizeOf), peak(run, false, peakOf), saved(run, false, savedOf);
  HtmlTable table;
  table.headers = {{QStringLiteral("Weight"), Kind::Name},
                   {QStringLiteral("Mode")},
                   {QStringLiteral("Codec")},
                   size.head("Size"),
                   {QStringLiteral("Resident ms"), Kind::Number},
                   {QStringLiteral("With reconstruction ms"), Kind::Number},
                   {QStringLiteral("Overhead ms"), Kind::Number},
                   {QStringLiteral("Rebuilt GB/s"), Kind::Number},
                   {QStringLiteral("Of copy rate"), Kind::Number},
                   peak.head("Peak"),
                   saved.head("Saved"),
                   {QStringLiteral("Verdict")},
                   {QStringLiteral("Output norm"), Kind::Number}};
  fill(table, run, false, [&](const BenchmarkRow& row) { return tensorRow(row, size, peak, saved); });
  return table;
}

HtmlTable generationRows(const BenchmarkRun& run) {
  const SizeColumn peak(run, true, peakOf), planned(run, true, plannedOf), saved(run, true, savedOf);
  HtmlTable table;
  table.headers = {{QStringLiteral("Weights kept")},
                   {QStringLiteral("Tokens/s"), Kind::Number},
                   {QStringLiteral("First token ms"), Kind::Number},
                   {QStringLiteral("Tokens"), Kind::Number},
                   {QStringLiteral("Bytes a token"), Kind::Number},
                   peak.head("Peak"),
                   planned.head("Planned peak"),
                   saved.head("Saved"),
                   {QStringLiteral("Placements")},
                   {QStringLiteral("Logits")},
                   {QStringLiteral("As resident")},
                   {QStringLiteral("Verdict")}};
  const bool drafts = hasDrafts(run);
  if (drafts)
    for (const char* name : {"Tokens a pass", "Drafts right", "Drafting ms", "Exact passes ms"})
      table.headers.insert(table.headers.size() - 1, {QString(QLatin1String(name)), Kind::Number});
  fill(table, run, true, [&](const BenchmarkRow& row) {
    HtmlTable::Row made = generationRow(row, peak, planned, saved);
    if (drafts) addDrafts(made.cells, row.generation->drafts);
    return made;
  });
  return table;
}

HtmlTable differenceRows(const RunDiff& diff) {
  HtmlTable table;
  table.headers = {{QStringLiteral("Weight"), Kind::Name},
                   {QStringLiteral("Mode")},
                   {QStringLiteral("Figure")},
                   {QStringLiteral("Baseline"), Kind::Number},
                   {QStringLiteral("This run"), Kind::Number},
                   {QStringLiteral("Difference"), Kind::Number},
                   {QStringLiteral("Difference %"), Kind::Number},
                   {QStringLiteral("Verdict")}};
  const auto add = [&](const DiffRow& row) {
    QStringList remarks;
    if (!row.inA) remarks << QStringLiteral("in this run only");
    if (!row.inB) remarks << QStringLiteral("in the baseline only");
    for (const auto& remark : row.remarks) remarks << words(remark);
    const Cell name{shortTensor(row.tensor), words(row.tensor)}, mode{modeText(row.mode)}, none{QStringLiteral("–")};
    if (!remarks.isEmpty())
      table.rows << HtmlTable::Row{
          {name, mode, none, none, none, none, none, {QStringLiteral("≠ ") + remarks.join(QStringLiteral("; "))}}, false, {}};
    if (!row.inA || !row.inB) return;
    for (const auto& metric : row.metrics) {
      if (metric.verdict == DiffMetric::Verdict::Same) continue;
      const Figure figure = figureOf(metric.name);
      table.rows << HtmlTable::Row{{name,
                                    mode,
                                    {figure.label},
                                    side(metric.a, figure.bytes, false),
                                    side(metric.b, figure.bytes, false),
                                    side(metric.absolute(), figure.bytes, true),
                                    {relativeText(metric), metric.relative() ? exact(*metric.relative()) : QString()},
                                    {verdictText(metric.verdict)}},
                                   false,
                                   {}};
    }
  };
  if (diff.figures) add(*diff.figures);
  for (const auto& row : diff.rows)
    if (row.differs()) add(row);
  return table;
}

QList<QPair<QString, QString>> runFacts(const BenchmarkRun& run) {
  QList<QPair<QString, QString>> facts;
  const auto add = [&](const char* label, const QString& value) {
    if (!value.isEmpty()) facts << QPair{QString::fromUtf8(label), value};
  };
  const auto joined = [](const QStringList& parts) {
    QStringList filled;
    for (const QString& part : parts)
      if (!part.isEmpty()) filled << part;
    return filled.join(QStringLiteral(", "));
  };
  add("Model", words(run.path) + (run.baseOnly ? QStringLiteral(", its base alone") : QString()));
  add("Base", words(run.base));
  for (const auto& payload : run.payloads) add("Payload", words(payload));
  add("Fingerprint", words(run.modelFingerprint));
  add("Device", joined({words(run.device.id) + QStringLiteral(": ") + words(run.device.name), words(run.device.detail),
                        run.device.memoryBytes ? sizeText(run.device.memoryBytes) : QString()}));
  add("Copy rate", run.copyBytesPerSecond > 0 ? significant(run.copyBytesPerSecond / 1e9) +
                                                    QStringLiteral(" GB/s, read and written, measured in this run")
                                              : QStringLiteral("not measured"));
  add("Machine", joined({words(run.machine.processor), QStringLiteral("%1 threads").arg(run.machine.threads),
                         sizeText(run.machine.memoryBytes), words(run.machine.system)}));
  add("Memory budget",
      run.budget ? QStringLiteral("%1 (%2)").arg(sizeText(run.budget), bytes(run.budget)) : QStringLiteral("none given"));
  QStringList settings;
  for (const auto& [name, value] : run.settings) settings << words(name) + u' ' + words(value);
  add("Settings", settings.join(QStringLiteral(", ")));
  add("Seed", QString::number(run.seed));
  add("Own memory read from",
      run.ownIsAccounted ? QStringLiteral("nowhere: this record has what the run accounted as own") : words(run.memorySource));
  if (run.load) add("Load during the run", QString::fromStdString(loadWords(*run.load)));
  add("Version", QStringLiteral("deltascope %1, commit %2").arg(words(run.version), words(run.commit)));
  add("Measured", QStringLiteral("%1, in %2 s, %3")
                      .arg(words(run.created), significant(run.seconds), QString::fromStdString(stateWords(run.state))));
  return facts;
}

}  // namespace deltascope::ui
