// SPDX-License-Identifier: Apache-2.0
// What a run came to: of one mode, named, and the same in words.
#include <QtTest>
#include <set>

#include "core/bench/run_words.h"
#include "tests/core/bench/sample_run.h"

using namespace deltascope;
using namespace deltascope::test;
using Id = RunFigureId;

namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kNorm = "model.layers.0.input_layernorm.weight";

/// The embedding in three modes and a norm, which is always static.
BenchmarkRun smallAndLarge() {
  BenchmarkRun run = sampleRun();
  run.rows = {sampleRow(kEmbedding, "static", 0.2, 0), sampleRow(kEmbedding, "jit", 1.77, 0),
              sampleRow(kEmbedding, "stream", 2.13, 0), sampleRow(kNorm, "static", 0.0002, 0)};
  run.rows[1].peakMemoryBytes = 3'000'000;
  run.rows[0].peakMemoryBytes = 5'000'000;
  run.budget = 14u << 20;
  run.chosen = 2;
  run.skipped.clear();
  return run;
}

}  // namespace

class TestRunFigures : public QObject {
  Q_OBJECT
 private slots:
  void modesAreNeverAddedUp() {
    const RunFigures figures = figuresOf(smallAndLarge());
    QCOMPARE(figures.mode, std::string("jit"));
    QCOMPARE(*figures[Id::Latency].value, 1.77);
    QCOMPARE(*figures[Id::Resident].value, 1.0);
    QCOMPARE(*figures[Id::Rebuild].value, 1e-6 * 4096 / 0.5);
    QCOMPARE(*figures[Id::Peak].value, 3e6);
    QCOMPARE(figures.modeOf(Id::Latency), std::string_view("jit"));
    QCOMPARE(figures.modeOf(Id::Budget), std::string_view());
    QCOMPARE(figures.count(Id::Tensors), std::uint64_t{2});
    QCOMPARE(figures.count(Id::Checks), std::uint64_t{4});
    QCOMPARE(figures.count(Id::ChecksPassed), std::uint64_t{4});
  }

  void theModeIsThePlansElseJit_data() {
    QTest::addColumn<QStringList>("modes");
    QTest::addColumn<QString>("chosen");
    QTest::newRow("all") << QStringList{"static", "jit", "stream"} << "jit";
    QTest::newRow("no jit") << QStringList{"static", "stream"} << "stream";
    QTest::newRow("static alone") << QStringList{"static"} << "static";
    QTest::newRow("none") << QStringList{} << "";
  }
  void theModeIsThePlansElseJit() {
    QFETCH(QStringList, modes);
    BenchmarkRun run = sampleRun();
    run.rows.clear();
    for (const QString& mode : modes) run.rows.push_back(sampleRow(kEmbedding, mode.toStdString()));
    QTEST(QString::fromStdString(figuresOf(run).mode), "chosen");
    run.rows.push_back(sampleGeneration());
    BenchmarkRow stream = sampleGeneration();
    stream.mode = "stream";
    stream.generation->tokensPerSecond.values = {1};
    run.rows.push_back(stream);
    const RunFigures figures = figuresOf(run);
    QCOMPARE(figures.generationMode, std::string("plan"));
    QCOMPARE(*figures[Id::TokensPerSecond].value, 100.0);
    QCOMPARE(*figures[Id::PlannedPeak].value, 99999.0);
  }

  void saysItInOneLine() {
    BenchmarkRun run = smallAndLarge();
    QCOMPARE(QString::fromStdString(runSentence(run)),
             "✓ bit-exact: 4 of 4 checks in 2 tensors, every reconstruction gave the resident weight's bits and output; jit, 1 "
             "tensor: "
             "latency 1.77 ms against 1.00 ms resident, rebuild 0.00819 GB/s, peak 2.86 MiB of the budget of 14.00 MiB");
    run.skipped = {{kNorm, "jit", "a vector is always static"}, {kNorm, "stream", "a vector is always static"}};
    QVERIFY(runSentence(run).ends_with("; 2 not measured"));
  }

  void saysWhatDraftsGave_data() {
    QTest::addColumn<bool>("simulated");
    QTest::addColumn<QString>("says");
    QTest::newRow("the base's own") << false << "3.00 tokens a pass (50.0 tokens/s without drafts), drafts right at 0.800, ";
    QTest::newRow("simulated") << true
                               << "3.00 tokens a pass (50.0 tokens/s without drafts), drafts simulated to be right at 0.940, ";
  }
  void saysWhatDraftsGave() {
    QFETCH(bool, simulated);
    QFETCH(QString, says);
    BenchmarkRun run = sampleRun();
    run.rows = {sampleGeneration()};
    if (simulated) run.rows[0].generation->drafts->simulatedAcceptance = 0.94;
    BenchmarkRow without = sampleGeneration();
    without.mode = undraftedMode("plan");
    without.peakMemoryBytes = 4444;
    without.generation->tokensPerSecond.values = {50};
    DraftFigures off;
    off.source = "off";
    without.generation->drafts = off;
    run.baselines = {without};
    run.memory.clear();
    const RunFigures figures = figuresOf(run);
    QCOMPARE(*figures[Id::TokensPerSecond].value, 100.0);
    QCOMPARE(*figures[Id::UndraftedSpeed].value, 50.0);
    QCOMPARE(*figures[Id::Acceptance].value, 0.8);
    QCOMPARE(*figures[Id::DraftTime].value, 21.0);
    QCOMPARE(figures[Id::SimulatedAcceptance].value.has_value(), simulated);
    QVERIFY2(!figures[Id::OutsidePeak].value, "the same plan without drafts lies within it");
    const QString sentence = QString::fromStdString(runSentence(run));
    QVERIFY2(sentence.contains(says), qPrintable(sentence));
    QCOMPARE(modeWords(without.mode), std::string("as planned, no drafts"));
    run.rows[0].generation->drafts = off;
    QVERIFY(runSentence(run).find("tokens a pass") == std::string::npos);
  }

  void whatDidNotEndIsPartial_data() {
    QTest::addColumn<int>("state");
    QTest::addColumn<QString>("begins");
    QTest::addColumn<QString>("word");
    QTest::newRow("cancelled") << int(BenchmarkState::Cancelled) << "– partial: cancelled after 2 of 74 tensors; "
                               << "cancelled, partial";
    QTest::newRow("failed") << int(BenchmarkState::Failed) << "✕ partial: failed after 2 of 74 tensors: the device is gone; "
                            << "failed, partial";
    QTest::newRow("killed") << int(BenchmarkState::Running) << "– partial: 2 of 74 tensors so far; "
                            << "partial";
  }
  void whatDidNotEndIsPartial() {
    QFETCH(int, state);
    QFETCH(QString, begins);
    BenchmarkRun run = smallAndLarge();
    run.state = static_cast<BenchmarkState>(state);
    run.reason = "the device is gone";
    run.chosen = 74;
    const QString verdict = QString::fromStdString(runSentence(run));
    QVERIFY2(verdict.startsWith(begins), qPrintable(verdict));
    QTEST(QString::fromStdString(stateWords(run.state)), "word");
    QVERIFY(!jobEnd(run) || run.state == BenchmarkState::Running);
  }

  void anOverheadThatIsNoneIsMarked() {
    BenchmarkRow row = sampleRow(kEmbedding, "static", 1, 0);
    QCOMPARE(overheadNote(row), std::string_view());
    row.usedMs.values = {0.9};
    QCOMPARE(overheadNote(row), std::string_view("faster than resident"));
    row.residentMs.values = {0.8, 0.9, 1.0, 1.1, 1.2};
    QCOMPARE(overheadNote(row), std::string_view("within the noise"));
    row.usedMs.values = {1.05};
    QCOMPARE(overheadNote(row), std::string_view("within the noise"));
    row.usedMs.values = {9};
    QCOMPARE(overheadNote(row), std::string_view());
  }

  void theTableNamesEachFigureOnce() {
    std::set<std::string_view> keys;
    for (std::size_t i = 0; i < runFigureTable().size(); ++i) {
      const RunFigure& figure = runFigureTable()[i];
      QCOMPARE(static_cast<std::size_t>(figure.id), i);
      QVERIFY(keys.insert(figure.key).second && !figure.label.empty() && !figure.meaning.empty());
    }
    const QStringList lines = QString::fromStdString(figuresCsv(figuresOf(smallAndLarge()))).split("\r\n", Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), int(kRunFigureCount) + 1);
    QVERIFY(lines.contains("latency_ms,latency,jit,1.77,0,ms"));
    QVERIFY(lines.contains("tokens_per_second,speed,,,,tokens/s"));
  }
};

QTEST_GUILESS_MAIN(TestRunFigures)
#include "test_run_figures.moc"
