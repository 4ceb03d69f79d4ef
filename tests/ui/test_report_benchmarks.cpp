// SPDX-License-Identifier: GPL-3.0-or-later
#include <QJsonArray>
#include <QtTest>

#include "core/bench/record.h"
#include "tests/ui/report_bench.h"
#include "tests/ui/warnings.h"
#include "ui/report/report_data.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestReportBenchmarks : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { QLocale::setDefault(QLocale::c()); }
  void init() { failOnAnyWarning(); }

  void eachBenchmarkHasItsRecordTableAndSection() {
    ReportBench bench;
    bench.measured();
    bench.request.device = "cuda:0";
    bench.request.memoryBudget = 64 << 20;
    bench.request.repeat = 7;
    const auto report = writeReport(bench.request, {});
    QVERIFY(report && report->benchmarksPassed);
    QCOMPARE(bench.benchmarked.size(), std::size_t{2});
    for (const auto& asked : bench.benchmarked) {
      QCOMPARE(asked.model.path, bench.request.path);
      QCOMPARE(asked.model.base, bench.request.base);
      QCOMPARE(asked.model.device, std::string("cuda:0"));
      QCOMPARE(asked.model.memoryBudget, std::optional<std::uint64_t>(64 << 20));
      QCOMPARE(asked.repeat, 7u);
    }
    QCOMPARE(bench.benchmarked[0].generate, 0u);
    QCOMPARE(bench.benchmarked[1].generate, kBenchmarkTokens);
    QCOMPARE(bench.read("benchmark-small-and-large.csv"), QByteArray::fromStdString(toCsv(generatedRun())));
    QCOMPARE(bench.read("benchmark-generation.json"), QByteArray::fromStdString(toJsonText(generatedGenerationRun())));
    const QString page = bench.page();
    QVERIFY(page.contains("<h2>Benchmark: small-and-large</h2>") && page.contains("<h2>Benchmark: generation</h2>"));
    QVERIFY(page.contains("jit, 1 tensor: latency 1.10 ms against 0.188 ms resident, rebuild 1.40 GB/s, peak 3.00 MiB"));
    QVERIFY(page.contains("700 tokens/s against 760 resident"));
    QVERIFY(page.contains(" --device cuda:0 --memory-budget 67108864 --repeat 7\n"));
    const QJsonArray benchmarks = bench.json("summary.json")["benchmarks"].toArray();
    QCOMPARE(benchmarks.size(), 2);
    QCOMPARE(benchmarks[0]["state"].toString(), "complete");
    QCOMPARE(benchmarks[0]["passed"].toBool(), true);
    QCOMPARE(benchmarks[1]["file"].toString(), "benchmark-generation.json");
  }

  void noBenchmarkIsRunWhenNoneIsWanted() {
    ReportBench bench;
    QVERIFY(writeReport(bench.request, {}));
    QVERIFY(bench.benchmarked.empty());
    QVERIFY(!bench.page().contains("<h2>Benchmark"));
    QVERIFY(bench.page().contains(" --benchmark none\n"));
  }

  void aBenchmarkThatFailsFailsAlone() {
    ReportBench bench;
    bench.measured();
    bench.request.engine.benchmark = [](const BenchmarkRequest& asked, const JobContext&,
                                        const BenchmarkHooks&) -> Result<BenchmarkRun> {
      if (asked.generate) return fail(ErrorCode::Unsupported, "architecture of <mamba> is not known", "ask for another");
      BenchmarkRun run = generatedRun();
      run.rows.resize(1);
      run.state = BenchmarkState::Failed;
      run.reason = "the device vanished";
      return run;
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->bitExact, std::optional(true));
    const QString page = bench.page();
    QVERIFY(page.contains("✕ partial: failed after 1 result: the device vanished; bit-exact: "));
    QVERIFY(page.contains("– not measured: architecture of &lt;mamba&gt; is not known"));
    QVERIFY(bench.entries("report").contains("benchmark-small-and-large.json"));
    QVERIFY(!bench.entries("report").contains("benchmark-generation.json"));
    const QJsonArray benchmarks = bench.json("summary.json")["benchmarks"].toArray();
    QCOMPARE(benchmarks[0]["state"].toString(), "failed");
    QVERIFY(benchmarks[1]["problem"].toString().startsWith("architecture of <mamba> is not known"));
  }

  void aBenchmarkThatIsNotExactIsTold() {
    ReportBench bench;
    bench.request.benchmarks = {BenchmarkPreset::OneLayer};
    bench.request.engine.benchmark = [](const auto&, const auto&, const auto&) -> Result<BenchmarkRun> {
      BenchmarkRun run = generatedRun();
      run.rows[1].bitExact = false;
      run.rows[1].elementsDifferent = 3;
      return run;
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QVERIFY(!report->benchmarksPassed);
    QVERIFY(bench.page().contains("✕ not bit-exact: 1 of 4 checks failed; first embed_tokens jit: 3 of 2,097,152 differ"));
    QVERIFY(bench.page().contains(" --benchmark one-layer\n"));
  }

  void aCancelledBenchmarkCancels_data() {
    QTest::addColumn<bool>("begun");
    QTest::newRow("while it ran") << true;
    QTest::newRow("before it ran") << false;
  }
  void aCancelledBenchmarkCancels() {
    QFETCH(bool, begun);
    ReportBench bench;
    bench.measured();
    bench.request.engine.benchmark = [begun](const auto&, const auto&, const auto&) -> Result<BenchmarkRun> {
      if (!begun) return fail(ErrorCode::Cancelled, "cancelled");
      BenchmarkRun run = generatedRun();
      run.state = BenchmarkState::Cancelled;
      return run;
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::Cancelled);
    QVERIFY(bench.entries().isEmpty());
  }

  void representativesAreTheLargestOfEachKind() {
    const auto chosen = representativeTensors(generatedModel(3)->tensors, 3);
    QCOMPARE(chosen.size(), std::size_t{3});
    QCOMPARE(chosen[0].name, std::string("model.embed_tokens.weight"));
    QSet<QString> kinds;
    for (const auto& t : chosen) kinds.insert(QString::fromStdString(tensorRole(t.name).kind));
    QCOMPARE(kinds.size(), 3);
  }
};

QTEST_MAIN(TestReportBenchmarks)
#include "test_report_benchmarks.moc"
