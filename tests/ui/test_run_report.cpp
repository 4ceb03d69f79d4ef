// SPDX-License-Identifier: GPL-3.0-or-later
#include <QDir>
#include <QImage>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>

#include "core/bench/diff.h"
#include "core/bench/record.h"
#include "core/bench/run_figures.h"
#include "tests/ui/generated_run.h"
#include "tests/ui/warnings.h"
#include "ui/charts/numbers.h"
#include "ui/report/run_charts.h"
#include "ui/report/run_report.h"
#include "ui/report/run_words.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

struct Bench {
  QTemporaryDir folder;
  RunReportRequest request;

  explicit Bench(BenchmarkRun run = generatedRun()) {
    request.run = std::move(run);
    request.out = folder.filePath("report").toStdString();
    request.when = QDateTime(QDate(2026, 11, 26), QTime(14, 5));
  }
  QByteArray read(const QString& name) const {
    QFile file(folder.filePath("report/" + name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }
  QString page() const { return QString::fromUtf8(read("index.html")); }
  QJsonObject json(const QString& name) const { return QJsonDocument::fromJson(read(name)).object(); }
  QStringList entries() const {
    return QDir(folder.filePath("report")).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
  }
};

QString cell(const QString& text) { return ">" + text + "<"; }

}  // namespace

class TestRunReport : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { QLocale::setDefault(QLocale::c()); }
  void init() { failOnAnyWarning(); }

  void theFolderHoldsTheRunItsRowsAndCharts() {
    Bench bench;
    const auto report = writeRunReport(bench.request, {});
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->bitExact, std::optional(true));
    const QStringList found = bench.entries();
    QCOMPARE(found, (QStringList{"figures.csv", "index.html", "latency.png", "memory.csv", "memory.png", "own-memory.png",
                                 "rows.csv", "run.json", "saved.png", "summary.json"}));
    QCOMPARE(bench.read("figures.csv"), QByteArray::fromStdString(figuresCsv(figuresOf(bench.request.run))));
    QCOMPARE(bench.json("summary.json")["files"].toArray().size(), found.size());
    QCOMPARE(report->files.size(), std::size_t(found.size()));
    QCOMPARE(bench.read("rows.csv"), QByteArray::fromStdString(toCsv(bench.request.run)));
    const auto again = readRun(bench.request.out / "run.json");
    QVERIFY(again);
    QCOMPARE(toCsv(*again), toCsv(bench.request.run));
  }

  void memoryIsSampleBySample() {
    Bench bench;
    QVERIFY(writeRunReport(bench.request, {}));
    const QList<QByteArray> lines = bench.read("memory.csv").split('\n');
    QCOMPARE(lines[0], QByteArray("seconds,accounted_bytes,own_bytes,others_bytes,total_bytes,phase\r"));
    QCOMPARE(lines.size(), qsizetype(bench.request.run.memory.size()) + 2);
    QCOMPARE(lines[1], QByteArray("0,1048576,2097152,1073741824,17179869184,\r"));
  }

  void thePageHasTheRecordsNumbers() {
    Bench bench;
    QVERIFY(writeRunReport(bench.request, {}));
    const QString page = bench.page();
    const BenchmarkRow& jit = bench.request.run.rows[1];
    QVERIFY2(page.contains(runVerdict(bench.request.run)), qPrintable(runVerdict(bench.request.run)));
    QVERIFY(page.contains("jit, 1 tensor: latency 1.10 ms against 0.188 ms resident, rebuild 1.40 GB/s, peak 3.00 MiB"));
    QVERIFY(page.contains(QString("title=\"%1\"").arg(exactNumber(jit.overheadMs()))));
    for (const char* text : {"+0.913", "1.40", "25.0 %", "Peak KiB", "3,076", "+1,024", "all 2,097,152", "82.5", "−2,048"})
      QVERIFY2(page.contains(cell(text)), text);
    QVERIFY(page.contains("Baselines: the same in other ways, to compare with"));
    QVERIFY(page.contains("– 2,097,135 of 2,097,152 differ"));
    QVERIFY(page.contains("model.layers.0.input_layernorm.weight jit: a vector is always static"));
    for (const char* fact : {"Test processor", "Linux 6.1 x86_64", "0123456789ab", "25.0 GB/s", "repeat 3", "none given"})
      QVERIFY2(page.contains(fact), fact);
    QVERIFY(page.contains("deltascope-cli bench /models/generated --preset small-and-large --device cpu"));
  }

  void generationHasItsOwnFigures() {
    Bench bench(generatedGenerationRun());
    QVERIFY(writeRunReport(bench.request, {}));
    QVERIFY(bench.entries().contains("tokens.png") && bench.entries().contains("tokens-by-repetition.png"));
    QVERIFY(!bench.entries().contains("latency.png"));
    const QString page = bench.page();
    QVERIFY(
        page.contains("✓ reproducible: every repetition gave the same logits, those of the resident weights; generation as "
                      "planned: 700 tokens/s against 760 resident, first token after 5.50 ms"));
    for (const char* text : {"16,785,920", "941d7099", "✓ yes", "✕ no", "40 static, 34 jit", "Planned peak MiB", "18.0"})
      QVERIFY2(page.contains(cell(text)), text);
    QVERIFY(page.contains("an answer &lt;b&gt;"));
    QVERIFY(page.contains("16.00 MiB (16,777,216 bytes)"));
  }

  void nothingComesFromElsewhere() {
    Bench bench;
    bench.request.run.path = "https://example.org/<script>";
    bench.request.run.rows[0].tensor = "\"><img src=x>";
    QVERIFY(writeRunReport(bench.request, {}));
    const QString page = bench.page();
    QVERIFY(!page.contains("<script") && !page.contains("<img src=x"));
    QVERIFY(!page.contains("src=\"http") && !page.contains("href=\"http") && !page.contains("url(") &&
            !page.contains("@import"));
    QCOMPARE(page.count("<img "), page.count("src=\"data:image/png;base64,"));
    QCOMPARE(page.count("<img "), bench.entries().filter(".png").size());
    QVERIFY(page.contains("@media print"));
  }

  void chartsShowSomething() {
    Bench bench(generatedWholeRun(8));
    QVERIFY(writeRunReport(bench.request, {}));
    for (const QString& name : bench.entries().filter(".png")) {
      const QImage image(bench.folder.filePath("report/" + name));
      QSet<QRgb> colours;
      for (int y = 0; y < image.height(); y += 2)
        for (int x = 0; x < image.width(); x += 2) colours.insert(image.pixel(x, y));
      QVERIFY2(colours.size() > 8, qPrintable(name));
    }
  }

  void whatEndedEarlySaysSo_data() {
    QTest::addColumn<int>("state");
    QTest::addColumn<int>("rows");
    QTest::addColumn<QString>("verdict");
    QTest::newRow("cancelled") << int(BenchmarkState::Cancelled) << 2 << "– partial: cancelled after 2 results; bit-exact: ";
    QTest::newRow("partial") << int(BenchmarkState::Running) << 1 << "– partial: 1 result so far; bit-exact: ";
    QTest::newRow("failed") << int(BenchmarkState::Failed) << 2
                            << "✕ partial: failed after 2 results: the device vanished; bit-exact: ";
    QTest::newRow("failed at once") << int(BenchmarkState::Failed) << 0
                                    << "✕ partial: failed after 0 results: the device vanished";
    QTest::newRow("cancelled at once") << int(BenchmarkState::Cancelled) << 0 << "– partial: cancelled after 0 results";
    QTest::newRow("nothing") << int(BenchmarkState::Complete) << 0 << "– nothing was measured: a vector is always static";
  }
  void whatEndedEarlySaysSo() {
    QFETCH(int, state);
    QFETCH(int, rows);
    QFETCH(QString, verdict);
    Bench bench;
    BenchmarkRun& run = bench.request.run;
    run.state = static_cast<BenchmarkState>(state);
    if (run.state == BenchmarkState::Failed) run.reason = "the device vanished";
    run.rows.resize(std::size_t(rows));
    if (!rows) run.baselines.clear();
    QVERIFY2(runVerdict(run).startsWith(verdict), qPrintable(runVerdict(run)));
    const auto report = writeRunReport(bench.request, {});
    QVERIFY(report);
    QCOMPARE(report->bitExact.has_value(), rows > 0);
    QVERIFY(bench.page().contains(verdict));
    QCOMPARE(bench.json("run.json")["state"].toString(), QString::fromStdString(std::string(nameOf(run.state))));
  }

  void differencesAreBadNews() {
    BenchmarkRun run = generatedRun();
    run.rows[1].bitExact = false;
    run.rows[1].elementsDifferent = 3;
    QVERIFY(runVerdict(run).startsWith("✕ not bit-exact: 1 of 4 checks failed; first embed_tokens jit: 3 of 2,097,152 differ"));
    run = generatedRun();
    run.rows[3].outputNorm = 0;
    QVERIFY(runVerdict(run).startsWith("✕ an output's norm is 0: 1 of 4 checks; first layers.0.input_layernorm static"));
    run = generatedRun();
    run.rows[1].outputHash = "other";
    QVERIFY2(runVerdict(run).contains("2 tensors, every reconstruction gave the resident weight's bits; jit"),
             qPrintable(runVerdict(run)));
  }

  void aBaselineIsCompared() {
    Bench bench;
    bench.request.baseline = generatedRun();
    bench.request.baseline->name = "before";
    bench.request.run.rows[1].usedMs.values = {0.4, 0.4, 0.4};
    bench.request.run.rows[2].residentBytes += 1 << 20;
    QVERIFY(writeRunReport(bench.request, {}));
    const RunDiff diff = compareRuns(*bench.request.baseline, bench.request.run);
    QCOMPARE(bench.read("differences.csv"), QByteArray::fromStdString(toCsv(diff, true)));
    QCOMPARE(bench.json("summary.json")["differing_rows"].toInteger(), qint64(diff.differing()));
    QVERIFY(readRun(bench.request.out / "baseline.json"));
    const QString page = bench.page();
    QVERIFY(page.contains(", before, "));
    for (const char* text : {"✓ better", "✕ worse", "−0.700", "−63.6 %", "−1.00 MiB", "−33.3 %"})
      QVERIFY2(page.contains(cell(text)), text);
    bench.request.baseline->seed = 2;
    QVERIFY(writeRunReport(bench.request, {}));
    QVERIFY(bench.page().contains("not the same seed: 2 and 1"));
    QVERIFY(!bench.page().contains(cell("✓ better")) && bench.page().contains(cell("≠ changed")));
  }

  /// Who is sent a report learns nothing of the sender's folders, and the commands still run.
  void theHomeIsNotTold() {
    const QByteArray before = qgetenv("HOME");
    qputenv("HOME", "/home/somebody");
    Bench bench;
    bench.request.run.path = "/home/somebody/my models/chat";
    bench.request.run.base = "/home/somebody";
    bench.request.run.skipped[0].reason = "/home/somebody/x: no; /home/somebody-else/y: yes";
    const auto report = writeRunReport(bench.request, {});
    qputenv("HOME", before);
    QVERIFY(report);
    for (const QString& name : bench.entries())
      if (!name.endsWith(".png"))
        QVERIFY2(!bench.read(name).replace("/home/somebody-else", "").contains("/home/somebody"), qPrintable(name));
    QVERIFY(bench.page().contains("deltascope-cli bench ~/'my models/chat' --base ~ "));
    QVERIFY(bench.page().contains("/home/somebody-else/y: yes"));
    QVERIFY(readRun(bench.request.out / "run.json"));
  }

  void anOldRecordsOwnMemoryIsNotCalledTheProcesss() {
    BenchmarkRun run = generatedRun();
    run.ownIsAccounted = true;
    QVERIFY(isEmpty(deviceMemoryChart(run)));
    Bench bench(run);
    QVERIFY(writeRunReport(bench.request, {}));
    QVERIFY(!bench.entries().contains("own-memory.png"));
    QVERIFY(bench.read("memory.csv").startsWith("seconds,accounted_bytes,own_is_accounted_bytes,"));
    QVERIFY(bench.page().contains("this record has what the run accounted as own"));
  }

  void anEarlierReportIsReplacedAndNothingElse() {
    Bench bench;
    QVERIFY(writeRunReport(bench.request, {}));
    QVERIFY(writeRunReport(bench.request, {}));
    QFile notes(bench.folder.filePath("report/notes.txt"));
    QVERIFY(notes.open(QIODevice::WriteOnly));
    notes.close();
    const auto refused = writeRunReport(bench.request, {});
    QVERIFY(!refused);
    QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  }

  void aCancelLeavesNothing() {
    Bench bench;
    std::stop_source stop;
    JobContext job;
    job.stop = stop.get_token();
    job.progress = [&](const Progress&) { stop.request_stop(); };
    const auto report = writeRunReport(bench.request, job);
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::Cancelled);
    QVERIFY(QDir(bench.folder.path()).isEmpty());
  }

  void chartsAreEmptyRatherThanBlank() {
    BenchmarkRun run = generatedRun();
    run.rows.erase(run.rows.begin() + 1, run.rows.begin() + 3);  // what is left is resident
    run.baselines.clear();
    run.memory.resize(1);
    QVERIFY(isEmpty(savedChart(run)));
    QVERIFY(isEmpty(memoryChart(run)));
    QVERIFY(isEmpty(tokensChart(run)));
    QVERIFY(isEmpty(tokensByRepetition(run)));
    run.rows.clear();
    QVERIFY(isEmpty(latencyChart(run)));
  }

  /// The peak is the figure's; what is held beside the plan is drawn beside it.
  void memoryNamesPeaksAndBudget() {
    BenchmarkRun run = generatedRun();
    run.budget = 6 << 20;
    run.rows[1].peakMemoryBytes = 4 << 20;
    const char* phases[] = {"preparation", "reference", "static", "jit", "jit", "stream", "additive", "base"};
    for (std::size_t i = 0; i < run.memory.size(); ++i) run.memory[i].phase = phases[i];
    run.memory[0].accounted = 128 << 20;
    run.memory[3].accounted = 4 << 20;
    const LinesChart chart = memoryChart(run);
    QCOMPARE(chart.lines.size(), std::size_t{3});
    QCOMPARE(chart.valueLabel, "MiB");
    QCOMPARE(chart.lines[0].label, "jit, peak 4.00 MiB");
    QCOMPARE(chart.lines[1].label, "other modes");
    QCOMPARE(chart.lines[2].label, "reference, baselines: 128.00 MiB");
    QVERIFY(chart.limit && chart.steps && chart.fromZero);
    QCOMPARE(chart.limit->label, "budget 6.00 MiB");
    QCOMPARE(chart.lines[0].points.front().second, 4.0);
    QCOMPARE(deviceMemoryChart(run).lines[0].label, "this process, peak 5.00 MiB");
    run.memory.clear();
    for (int i = 0; i < 5000; ++i) run.memory.push_back({double(i), i == 4321 ? 9u << 20 : 1u << 20, 0, 0, 0, "jit"});
    const LinesChart longer = memoryChart(run);
    QVERIFY(longer.lines[0].points.size() <= 200);
    double highest = 0;
    for (const auto& point : longer.lines[0].points) highest = std::max(highest, point.second);
    QCOMPARE(highest, 9.0);
    for (auto& sample : run.memory) sample.phase.clear();  // a record of before
    QCOMPARE(memoryChart(run).lines[0].label, "accounted, peak 9.00 MiB");
  }

  void manyWeightsAreSeriesAndSums() {
    const BenchmarkRun run = generatedWholeRun(16);
    const SpreadChart latency = latencyChart(run);
    QCOMPARE(latency.series.size(), std::size_t{3});
    QCOMPARE(latency.positions.size(), qsizetype{64});
    for (const auto& series : latency.series) QCOMPARE(series.points.size(), std::size_t{64});
    const BarsChart saved = savedChart(run);
    QCOMPARE(saved.bars.size(), std::size_t{4});
    QCOMPARE(saved.bars[0].label, "all q · jit");
    QCOMPARE(saved.bars[0].value, double(16 * (1 << 18)));
  }
};

QTEST_MAIN(TestRunReport)
#include "test_run_report.moc"
