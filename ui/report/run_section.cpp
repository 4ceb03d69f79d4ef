// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_section.h"

#include <algorithm>

#include "core/base/number.h"
#include "core/bench/run_words.h"
#include "ui/charts/numbers.h"
#include "ui/report/run_charts.h"
#include "ui/report/run_words.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

void writeSkips(HtmlPage& page, const BenchmarkRun& run) {
  if (run.skipped.empty()) return;
  page.element(QStringLiteral("h3"), QStringLiteral("Not measured"));
  QStringList items;
  constexpr qsizetype kMost = 50;
  for (const auto& skip : run.skipped) {
    if (items.size() >= kMost) continue;
    const QString mode = skip.mode.empty() ? QString() : u' ' + modeText(skip.mode);
    items << QStringLiteral("– %1%2: %3").arg(words(skip.tensor), mode, words(skip.reason));
  }
  if (run.skipped.size() > std::size_t{kMost})
    items << QStringLiteral("first %1 of %2; all are in the run's JSON").arg(kMost).arg(exactCount(run.skipped.size()));
  page.list(items);
}

void writeTexts(HtmlPage& page, const BenchmarkRun& run) {
  for (const auto* rows : {&run.rows, &run.baselines})
    for (const auto& row : *rows)
      if (row.generation && !row.generation->text.empty())
        page.element(QStringLiteral("p"),
                     QStringLiteral("Text, %1: %2").arg(modeText(row.mode), words(row.generation->text).simplified().left(400)),
                     QStringLiteral("muted"));
}

void writeDifferences(HtmlPage& page, const RunSection& section) {
  const RunDiff diff = compareRuns(*section.baseline, *section.run, section.threshold);
  page.element(QStringLiteral("h3"), QStringLiteral("Against the baseline run"));
  page.element(QStringLiteral("p"),
               QStringLiteral("Baseline: %1, %2").arg(runTitle(*section.baseline), words(section.baseline->created)));
  QStringList notes;
  for (const auto& note : diff.notes) notes << QStringLiteral("! ") + words(note);
  if (!notes.isEmpty()) page.list(notes);
  const HtmlTable table = differenceRows(diff);
  page.element(
      QStringLiteral("p"),
      QStringLiteral("%1 of %2 rows differ: by more than %3 and by more than repetitions do, or at all where figures are "
                     "counted. Differences are this run less the baseline.")
          .arg(exactCount(diff.differing()), exactCount(diff.rows.size()), percentText(section.threshold)),
      QStringLiteral("muted"));
  if (!table.rows.isEmpty()) page.table(table, section.differencesFile);
}

}  // namespace

QList<ReportChart> runCharts(const BenchmarkRun& run, const QString& prefix, const QString& source) {
  QList<ReportChart> charts;
  const auto add = [&](const char* file, const QString& title, const QString& subtitle, Chart chart) {
    if (!isEmpty(chart))
      charts.append(
          {prefix + QLatin1String(file) + QStringLiteral(".png"), {title, subtitle, source}, std::move(chart), {}, {}});
  };
  const QString figures = QString::fromStdString(figuresSentence(run, figuresOf(run)));
  const QString where =
      QStringLiteral("%1: %2%3")
          .arg(words(run.device.id), words(run.device.name),
               run.state == BenchmarkState::Complete ? QString()
                                                     : QStringLiteral("; ") + QString::fromStdString(stateWords(run.state)));
  add("latency", QStringLiteral("Time of one use, by weight and mode"), figures.isEmpty() ? where : figures, latencyChart(run));
  add("saved", QStringLiteral("Memory saved"), where, savedChart(run));
  add("tokens", QStringLiteral("Tokens a second"), where, tokensChart(run));
  add("tokens-by-repetition", QStringLiteral("Tokens a second, repetition by repetition"), where, tokensByRepetition(run));
  add("memory", QStringLiteral("Memory that the run accounted for"), where, memoryChart(run));
  add("own-memory", QStringLiteral("Memory of this process"),
      run.memorySource.empty() ? where : QStringLiteral("%1; as %2 tells it").arg(where, words(run.memorySource)),
      deviceMemoryChart(run));
  return charts;
}

void writeRun(HtmlPage& page, const RunSection& section) {
  const BenchmarkRun& run = *section.run;
  page.element(QStringLiteral("p"), runVerdict(run), QStringLiteral("verdict ") + verdictClass(runPassed(run)));
  if (!run.notes.empty()) page.element(QStringLiteral("p"), QStringLiteral("Notes: ") + words(run.notes));
  page.element(QStringLiteral("h3"), QStringLiteral("Figures"));
  page.table(figureRows(run), section.figuresFile);
  page.charts(section.charts);
  if (const HtmlTable table = tensorRows(run); !table.rows.isEmpty()) {
    page.element(QStringLiteral("h3"), QStringLiteral("Weights"));
    page.table(table, section.rowsFile);
  }
  if (const HtmlTable table = generationRows(run); !table.rows.isEmpty()) {
    page.element(QStringLiteral("h3"), QStringLiteral("Generation"));
    page.table(table, section.rowsFile);
    writeTexts(page, run);
  }
  writeSkips(page, run);
  if (section.baseline) writeDifferences(page, section);
  page.element(QStringLiteral("h3"), QStringLiteral("How it was measured"));
  page.facts(runFacts(run));
  if (section.commands.isEmpty()) return;
  page.element(QStringLiteral("h3"), QStringLiteral("The same again"));
  page.element(QStringLiteral("pre"), section.commands.join(u'\n'));
}

QByteArray memoryCsv(const BenchmarkRun& run) {
  QByteArray csv = run.ownIsAccounted ? "seconds,accounted_bytes,own_is_accounted_bytes,others_bytes,total_bytes,phase\r\n"
                                      : "seconds,accounted_bytes,own_bytes,others_bytes,total_bytes,phase\r\n";
  for (const auto& m : run.memory) {
    csv += QByteArray::fromStdString(numberText(m.seconds));
    for (const std::uint64_t bytes : {m.accounted, m.own, m.others, m.total})
      csv += ',' + QByteArray::number(qulonglong{bytes});
    csv += ',' + QByteArray::fromStdString(m.phase) + "\r\n";
  }
  return csv;
}

}  // namespace deltascope::ui
