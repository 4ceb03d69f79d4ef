// SPDX-License-Identifier: GPL-3.0-or-later
// index.html: one page with everything in it.
#include <algorithm>

#include "ui/charts/numbers.h"
#include "ui/payload/summary.h"
#include "ui/payload/tensor_columns.h"
#include "ui/report/html_page.h"
#include "ui/report/report_data.h"
#include "ui/report/run_section.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

QList<QPair<QString, QString>> sizes(const ReportData& data) {
  const InspectTotals& t = data.model.totals;
  const auto bytes = [](std::uint64_t n) { return QStringLiteral("%1 (%2 bytes)").arg(byteText(n), exactCount(n)); };
  QList<QPair<QString, QString>> facts{{QStringLiteral("Model"), QString::fromStdString(data.model.files.path.string())},
                                       {QStringLiteral("Tensors"), exactCount(t.tensors)},
                                       {QStringLiteral("Weights"), exactCount(t.elements)},
                                       {QStringLiteral("Final"), bytes(t.finalBytes)}};
  if (data.isCheckpoint()) return facts;
  facts << QPair{QStringLiteral("Payload file"), bytes(t.payloadFileBytes)}
        << QPair{QStringLiteral("Base"), bytes(t.wholeBaseBytes())}
        << QPair{QStringLiteral("Delta"), significant(t.payloadBitsPerWeight(), 4) + QStringLiteral(" bits/weight")}
        << QPair{QStringLiteral("Base and delta"), significant(t.totalBitsPerWeight(), 4) + QStringLiteral(" bits/weight")}
        << QPair{QStringLiteral("Zero deltas"),
                 QStringLiteral("%1 (%2)").arg(exactCount(t.zeroDeltas),
                                               percentText(t.elements ? double(t.zeroDeltas) / double(t.elements) : 1))};
  for (const auto& [key, value] : data.model.facts)
    facts << QPair{QString::fromStdString(key), QString::fromStdString(value).left(400)};
  return facts;
}

void writeFailures(HtmlPage& page, const VerifyResult& result) {
  QStringList items;
  int failed = 0;
  constexpr int kMost = 20;
  for (const auto& verdict : result.verdicts)
    if (!verdict.bitExact && ++failed <= kMost) items << QString::fromStdString(verdict.tensor + ": " + verdictText(verdict));
  if (failed > kMost) items << QStringLiteral("first %1 of %2; all are in verdicts.csv").arg(kMost).arg(failed);
  page.list(items, QStringLiteral("bad"));
}

/// What is wrong with a payload of the old scripts, as far as its headers tell.
void writeFindings(HtmlPage& page, const ReportData& data) {
  if (data.model.files.kind != ModelFiles::Kind::Scripts) return;
  page.element(QStringLiteral("h2"), QStringLiteral("Findings"));
  const auto& findings = data.model.findings;
  if (findings.empty()) {
    page.element(QStringLiteral("p"), QStringLiteral("– nothing wrong as far as the headers of its frames tell"));
    return;
  }
  QStringList items;
  constexpr std::size_t kMost = 100;
  for (std::size_t i = 0; i < std::min(findings.size(), kMost); ++i)
    items << QStringLiteral("✕ ") + QString::fromStdString(describe(findings[i]));
  if (findings.size() > kMost)
    items << QStringLiteral("first %1 of %2; all are in findings.csv").arg(kMost).arg(exactCount(findings.size()));
  page.list(items);
  page.element(QStringLiteral("p"), QStringLiteral("To verify or run it, convert it: deltascope-cli import"),
               QStringLiteral("muted"));
}

void writeBenchmark(HtmlPage& page, const ReportBenchmark& benchmark) {
  const auto name = nameOf(benchmark.preset);
  page.element(QStringLiteral("h2"), QStringLiteral("Benchmark: ") + words(name));
  if (!benchmark.run) {
    page.element(QStringLiteral("p"), QStringLiteral("– not measured: ") + benchmark.problem, QStringLiteral("verdict muted"));
    return;
  }
  RunSection section;
  section.run = &*benchmark.run;
  section.charts = benchmark.charts;
  section.commands = {benchmarkCommand(*benchmark.run)};
  section.rowsFile = benchmark.file(".csv");
  section.figuresFile = benchmark.file("-figures.csv");
  writeRun(page, section);
}

HtmlTable tensorTable(const ReportData& data) {
  const bool checkpoint = data.isCheckpoint();
  const auto& tensors = data.model.tensors;
  const TableUnits units = unitsFor(tensors);
  std::map<std::string, TensorVerdict> verdicts;
  if (data.verification)
    for (const auto& v : data.verification->verdicts)
      verdicts[v.tensor] = {v.bitExact ? VerdictState::Exact : VerdictState::Different, v};
  QList<Column> columns;
  for (int i = 0; i < kColumnCount; ++i)
    if (!checkpoint || appliesToCheckpoint(static_cast<Column>(i))) columns << static_cast<Column>(i);
  HtmlTable table;
  for (const Column column : columns)
    table.headers << HtmlTable::Header{headerText(column, units, checkpoint), isNumber(column) || column == Column::Shape
                                                                                  ? HtmlTable::Kind::Number
                                                                              : column == Column::Name ? HtmlTable::Kind::Name
                                                                                                       : HtmlTable::Kind::Word};
  for (const auto& tensor : tensors) {
    HtmlTable::Row row;
    for (const Column column : columns)
      row.cells << (column == Column::Verdict ? HtmlTable::Cell{verdictCell(verdicts[tensor.name])}
                                              : HtmlTable::Cell{cellText(tensor, column, units),
                                                                isNumber(column) ? exactText(tensor, column) : QString()});
    table.rows << row;
  }
  return table;
}

}  // namespace

QByteArray reportPage(const ReportData& data, const QStringList& files) {
  HtmlPage page(QStringLiteral("Deltascope report: ") + data.modelName);
  page.element(QStringLiteral("h1"), data.modelName);
  page.element(QStringLiteral("p"), summaryText(data.model));
  if (!data.isCheckpoint()) {
    const auto exact = data.verification ? std::optional(data.verification->bitExact) : std::nullopt;
    page.element(QStringLiteral("p"), verdictWords(data), QStringLiteral("verdict ") + verdictClass(exact));
    if (exact == false) writeFailures(page, *data.verification);
  }
  page.element(QStringLiteral("p"),
               QStringLiteral("deltascope %1 · %2")
                   .arg(QStringLiteral(DELTASCOPE_VERSION), data.when.toString(QStringLiteral("yyyy-MM-dd HH:mm"))),
               QStringLiteral("muted"));
  writeFindings(page, data);

  page.element(QStringLiteral("h2"), QStringLiteral("Sizes"));
  page.facts(sizes(data));
  if (!data.charts.isEmpty()) page.element(QStringLiteral("h2"), QStringLiteral("Charts"));
  page.charts(data.charts);
  for (const auto& benchmark : data.benchmarks) writeBenchmark(page, benchmark);
  page.element(QStringLiteral("h2"), QStringLiteral("Tensors"));
  page.table(tensorTable(data), QStringLiteral("tensors.csv"));

  page.element(QStringLiteral("h2"), QStringLiteral("Where the numbers come from"));
  page.element(QStringLiteral("p"), QStringLiteral("Machine"), QStringLiteral("muted"));
  page.list(data.machine);
  page.element(QStringLiteral("p"), QStringLiteral("The same again"), QStringLiteral("muted"));
  page.element(QStringLiteral("pre"), data.commands.join(u'\n'));
  page.element(QStringLiteral("p"), QStringLiteral("Files beside this page"), QStringLiteral("muted"));
  page.links(files);
  return page.finish();
}

}  // namespace deltascope::ui
