// SPDX-License-Identifier: Apache-2.0
// Two runs or two payloads side by side: signs, noise, and what only one of them has.
#include <QtTest>

#include "core/bench/diff.h"
#include "tests/core/bench/sample_run.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kUp = "model.layers.0.mlp.up_proj.weight";

const DiffRow* find(const RunDiff& diff, const std::string& tensor, const std::string& mode) {
  for (const auto& row : diff.rows)
    if (row.tensor == tensor && row.mode == mode) return &row;
  return nullptr;
}

BenchmarkRun runOf(std::vector<BenchmarkRow> rows) {
  BenchmarkRun run = sampleRun();
  run.rows = std::move(rows);
  run.baselines.clear();
  return run;
}

TensorStats tensor(const std::string& name, CodecId codec, std::uint64_t stored, std::uint64_t zeros) {
  TensorStats stats;
  stats.name = name;
  stats.shape = {10, 10};
  stats.elements = 100;
  stats.codec = codec;
  stats.base = BaseKind::Nf4;
  stats.finalBytes = 200;
  stats.storedBytes = stored;
  stats.zeroDeltas = zeros;
  return stats;
}

}  // namespace

class TestDiff : public QObject {
  Q_OBJECT
 private slots:
  void aRunEqualsItself() {
    const RunDiff diff = compareRuns(sampleRun(), sampleRun());
    QCOMPARE(diff.rows.size(), std::size_t{3});
    QCOMPARE(diff.differing(), std::size_t{0});
    QVERIFY(diff.notes.empty());
  }

  void tellsNoiseFromChange_data() {
    QTest::addColumn<double>("b");
    QTest::addColumn<double>("spread");
    QTest::addColumn<double>("threshold");
    QTest::addColumn<QString>("verdict");
    QTest::newRow("the same") << 2.0 << 0.01 << 0.05 << "same";
    QTest::newRow("below the threshold") << 2.09 << 0.01 << 0.05 << "same";
    QTest::newRow("above it, slower") << 2.2 << 0.01 << 0.05 << "worse";
    QTest::newRow("above it, faster") << 1.8 << 0.01 << 0.05 << "better";
    QTest::newRow("above it, within the spread") << 2.2 << 0.3 << 0.05 << "same";
    QTest::newRow("no threshold") << 2.03 << 0.01 << 0.0 << "worse";
  }
  void tellsNoiseFromChange() {
    QFETCH(double, b);
    QFETCH(double, spread);
    QFETCH(double, threshold);
    QFETCH(QString, verdict);
    const RunDiff diff =
        compareRuns(runOf({sampleRow(kUp, "jit", 2, 0.01)}), runOf({sampleRow(kUp, "jit", b, spread)}), threshold);
    const DiffMetric* metric = find(diff, kUp, "jit")->find("latency_jit_ms");
    QVERIFY(metric);
    QCOMPARE(QString::fromUtf8(nameOf(metric->verdict).data()), verdict);
    QVERIFY(qFuzzyCompare(1 + *metric->absolute(), 1 + b - 2));
    QVERIFY(qFuzzyCompare(1 + *metric->relative(), 1 + (b - 2) / 2));
  }

  void countsAreExact() {
    BenchmarkRow row = sampleRow(kUp, "jit");
    row.peakMemoryBytes += 1;
    const RunDiff diff = compareRuns(runOf({sampleRow(kUp, "jit")}), runOf({row}));
    QCOMPARE(nameOf(find(diff, kUp, "jit")->find("peak_memory_bytes")->verdict), nameOf(DiffMetric::Verdict::Worse));
    QCOMPARE(diff.differing(), std::size_t{1});
  }

  void matchesByTensorAndMode() {
    const RunDiff diff = compareRuns(runOf({sampleRow(kUp, "jit"), sampleRow("old", "static")}),
                                     runOf({sampleRow("new", "static"), sampleRow(kUp, "stream"), sampleRow(kUp, "jit")}));
    QCOMPARE(diff.rows.size(), std::size_t{4});
    QVERIFY(!find(diff, kUp, "jit")->differs());
    QVERIFY(find(diff, "old", "static")->inA && !find(diff, "old", "static")->inB);
    QVERIFY(!find(diff, "new", "static")->inA && !find(diff, "new", "static")->find("latency_jit_ms")->a);
    QVERIFY(!find(diff, kUp, "stream")->find("latency_jit_ms")->absolute());
  }

  void comparesGeneration() {
    BenchmarkRow slow = sampleGeneration();
    slow.generation->tokensPerSecond.values = {50, 50, 50};
    slow.generation->logitsHash = "0";
    const RunDiff diff = compareRuns(runOf({sampleGeneration()}), runOf({slow}));
    const DiffRow* row = find(diff, "(generation)", "plan");
    QCOMPARE(nameOf(row->find("tokens_per_second")->verdict), nameOf(DiffMetric::Verdict::Worse));
    QCOMPARE(*row->find("tokens_per_second")->relative(), -0.5);
    QCOMPARE(row->remarks, std::vector<std::string>{"other logits"});
  }

  void saysWhatIsNotAlike() {
    BenchmarkRun other = sampleRun();
    other.modelFingerprint = "4567";
    other.path = "models/other";
    other.device.name = "a GPU";
    other.seed = 2;
    other.state = BenchmarkState::Running;
    other.rows[0].outputHash = "other";
    const RunDiff diff = compareRuns(sampleRun(), other);
    const std::string all = [&] {
      std::string text;
      for (const auto& note : diff.notes) text += note + "\n";
      return text;
    }();
    for (const char* said : {"different models, models/chat and models/other", "not the same device", "not the same seed",
                             "partial", "nothing is better or worse"})
      QVERIFY2(all.find(said) != std::string::npos, all.c_str());
    QVERIFY2(find(diff, kUp, "jit")->remarks.empty(), "other seeds give other outputs");
  }

  /// What is not the same makes every difference a mere difference, never better or worse.
  void judgesOnlyRunsUnderTheSameConditions_data() {
    QTest::addColumn<QString>("what");
    for (const char* what : {"model", "device", "budget", "seed", "threads", "tensors", "end"}) QTest::newRow(what) << what;
  }
  void judgesOnlyRunsUnderTheSameConditions() {
    QFETCH(QString, what);
    const BenchmarkRun a = runOf({sampleRow(kUp, "jit", 2, 0.01)});
    BenchmarkRun b = runOf({sampleRow(kUp, "jit", 4, 0.01)});
    QVERIFY(compareRuns(a, b).comparable());
    QCOMPARE(nameOf(compareRuns(a, b).figures->find("latency_ms")->verdict), nameOf(DiffMetric::Verdict::Worse));
    if (what == "model") b.modelFingerprint = "4567";
    if (what == "device") b.device.name = "a GPU";
    if (what == "budget") b.budget = 6000;
    if (what == "seed") b.seed = 2;
    if (what == "threads") b.settings["threads"] = "1";
    if (what == "tensors") {
      BenchmarkRun c = a;
      c.settings["tensors"] = "*";
      b.settings["tensors"] = "*embed*";
      QVERIFY(!compareRuns(c, b).comparable());
      return;
    }
    if (what == "end") b.state = BenchmarkState::Cancelled;
    const RunDiff diff = compareRuns(a, b);
    QCOMPARE(diff.apart.size(), std::size_t{1});
    QVERIFY2(QString::fromStdString(diff.apart.front()).startsWith(what + ": "), diff.apart.front().c_str());
    for (const DiffRow* row : {&*diff.figures, find(diff, kUp, "jit")})
      for (const auto& metric : row->metrics)
        QVERIFY(metric.verdict == DiffMetric::Verdict::Same || metric.verdict == DiffMetric::Verdict::Changed);
    QVERIFY(diff.rows.front().differs());
  }

  void remarksOnVerdictsAndOutputs() {
    BenchmarkRow row = sampleRow(kUp, "jit");
    row.bitExact = false;
    row.codec = "bitpack";
    row.outputHash = "other";
    const RunDiff diff = compareRuns(runOf({sampleRow(kUp, "jit")}), runOf({row}));
    QCOMPARE(find(diff, kUp, "jit")->remarks,
             (std::vector<std::string>{"codec entropy → bitpack", "no longer bit-exact", "another output"}));
  }

  void comparesPayloads() {
    const std::vector<TensorStats> a{tensor("same", CodecId::Entropy, 80, 5), tensor("smaller", CodecId::Zstd, 90, 5),
                                     tensor("gone", CodecId::Raw, 200, 0)};
    const std::vector<TensorStats> b{tensor("added", CodecId::Raw, 200, 0), tensor("smaller", CodecId::Sparse, 50, 60),
                                     tensor("same", CodecId::Entropy, 80, 5)};
    const RunDiff diff = comparePayloads(a, b);
    QCOMPARE(diff.rows.size(), std::size_t{4});
    QCOMPARE(diff.differing(), std::size_t{3});
    const DiffRow* smaller = find(diff, "smaller", "");
    QCOMPARE(*smaller->find("stored_bytes")->absolute(), -40.0);
    QCOMPARE(nameOf(smaller->find("stored_bytes")->verdict), nameOf(DiffMetric::Verdict::Better));
    QCOMPARE(*smaller->find("sparsity")->b, 0.6);
    QCOMPARE(smaller->remarks, std::vector<std::string>{"codec zstd → sparse"});
    QVERIFY(!find(diff, "gone", "")->inB && !find(diff, "added", "")->inA);
  }

  void writesCsv() {
    const RunDiff diff = compareRuns(runOf({sampleRow("a,b", "jit")}), runOf({sampleRow("a,b", "jit", 4)}));
    const QStringList all = QString::fromStdString(toCsv(diff, true)).split("\r\n", Qt::SkipEmptyParts);
    const QStringList some = QString::fromStdString(toCsv(diff, false)).split("\r\n", Qt::SkipEmptyParts);
    QCOMPARE(all.filter("\"a,b\"").size(), 9);
    QCOMPARE(some.filter("\"a,b\"").size(), 2);
    QVERIFY2(some[1].startsWith("(run),jit,both,latency_ms,2,4,2,1,"), qPrintable(some[1]));
    QVERIFY2(some[2].startsWith("\"a,b\",jit,both,latency_jit_ms,2,4,2,1,"), qPrintable(some[2]));
  }

  void aThousandTensorsTakeLessThan100Milliseconds() {
    std::vector<BenchmarkRow> rows;
    for (int i = 0; i < 1000; ++i)
      for (const char* mode : {"static", "jit", "stream"})
        rows.push_back(sampleRow("model.layers." + std::to_string(i) + ".mlp.up_proj.weight", mode));
    const BenchmarkRun a = runOf(rows), b = runOf(rows);
    qint64 best = 1000;
    for (int attempt = 0; attempt < 5; ++attempt) {
      QElapsedTimer timer;
      timer.start();
      const RunDiff diff = compareRuns(a, b);
      QCOMPARE(diff.differing(), std::size_t{0});
      best = std::min(best, timer.elapsed());
    }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    best /= 10;  // instrumented code
#endif
    QVERIFY2(best < 100, qPrintable(QString::number(best)));
  }
};

QTEST_GUILESS_MAIN(TestDiff)
#include "test_diff.moc"
