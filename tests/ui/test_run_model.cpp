// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>
#include <cmath>

#include "tests/ui/frame_fixture.h"
#include "tests/ui/sample_runs.h"
#include "ui/history/run_filter.h"
#include "ui/history/run_list_model.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

const Unit kMiB{"MiB", 1024.0 * 1024.0};

RunEntry entryWith(const char* file, double scale) {
  RunEntry entry = entryOf(file, sampleRun(1, scale));
  entry.created = "2026-11-01T10:00:00Z";
  return entry;
}

}  // namespace

class TestRunModel : public QObject {
  Q_OBJECT
 private slots:
  void init() { beStrict(); }

  void differencesAreSigned_data() {
    QTest::addColumn<double>("relative");
    QTest::addColumn<QString>("text");
    QTest::newRow("more") << 0.031 << "+3.1 %";
    QTest::newRow("less") << -0.0314 << "−3.1 %";
    QTest::newRow("tens") << -0.124 << "−12 %";
    QTest::newRow("nearly ten") << 0.0996 << "+10 %";
    QTest::newRow("many") << 12.34 << "+1,234 %";
    QTest::newRow("none") << 0.0 << "0.0 %";
    QTest::newRow("next to none") << -0.0004 << "0.0 %";
  }
  void differencesAreSigned() {
    QFETCH(double, relative);
    QTEST(differenceText(relative), "text");
  }

  void betterDependsOnTheFigure_data() {
    QTest::addColumn<RunColumn>("column");
    QTest::addColumn<double>("scale");  // of time and memory
    QTest::addColumn<RunTone>("tone");
    QTest::newRow("fewer tokens a second") << RunColumn::TokensPerSecond << 1.5 << RunTone::Bad;
    QTest::newRow("more tokens a second") << RunColumn::TokensPerSecond << 0.5 << RunTone::Good;
    QTest::newRow("later") << RunColumn::LatencyMs << 1.5 << RunTone::Bad;
    QTest::newRow("sooner") << RunColumn::LatencyMs << 0.5 << RunTone::Good;
    QTest::newRow("slower rebuild") << RunColumn::Reconstruct << 1.5 << RunTone::Bad;
    QTest::newRow("more memory") << RunColumn::Peak << 1.5 << RunTone::Bad;
    QTest::newRow("less memory") << RunColumn::Peak << 0.5 << RunTone::Good;
    QTest::newRow("noise") << RunColumn::LatencyMs << 1.04 << RunTone::Muted;
  }
  void betterDependsOnTheFigure() {
    QFETCH(RunColumn, column);
    QFETCH(double, scale);
    const auto difference = differenceOf(entryWith("b", scale), entryWith("a", 1), column, 0.05);
    QVERIFY(difference);
    QTEST(difference->tone, "tone");
    RunEntry none = entryWith("c", 1);
    none.figures.values = {};
    QVERIFY(!differenceOf(none, entryWith("a", 1), column, 0.05));
    QVERIFY(!differenceOf(entryWith("a", 1), none, column, 0.05));
  }

  /// Runs of another model, or measured otherwise, are not better or worse than the baseline: they are something else.
  void onlyLikeRunsAreCompared_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<RunColumn>("where");
    QTest::newRow("model") << "model" << RunColumn::Model;
    QTest::newRow("device") << "device" << RunColumn::Device;
    QTest::newRow("tensors") << "tensors" << RunColumn::Settings;
    QTest::newRow("budget") << "budget" << RunColumn::Settings;
    QTest::newRow("cut short") << "end" << RunColumn::State;
  }
  void onlyLikeRunsAreCompared() {
    QFETCH(QString, what);
    QFETCH(RunColumn, where);
    BenchmarkRun other = sampleRun(2, 3);
    if (what == "device") other.device.name = "another";
    if (what == "model") other.modelFingerprint = "00bb";
    if (what == "tensors") other.settings["tensors"] = "*embed*";
    if (what == "budget") other.budget = 1 << 20;
    if (what == "end") other.state = BenchmarkState::Cancelled;
    RunListModel model;
    model.setEntries({entryOf("a", sampleRun(1)), entryOf("b", other)});
    model.setBaseline("a");
    for (const RunColumn column : {RunColumn::TokensPerSecond, RunColumn::LatencyMs, RunColumn::Peak}) {
      const QModelIndex cell = model.index(1, int(column));
      QCOMPARE(cell.data(RunListModel::DifferenceRole).toString(), "(≠)");
      QCOMPARE(cell.data(RunListModel::DifferenceToneRole).toInt(), int(RunTone::Muted));
      const QString tip = cell.data(Qt::ToolTipRole).toString();
      QVERIFY2(tip.contains("which says nothing") && tip.contains('\n' + what + ": "), qPrintable(tip));
    }
    // What differs is marked where it is shown, and nowhere else.
    for (const RunColumn column :
         {RunColumn::Model, RunColumn::Device, RunColumn::Settings, RunColumn::State, RunColumn::Mode}) {
      const QModelIndex cell = model.index(1, int(column));
      QCOMPARE(cell.data().toString().startsWith(u"≠ "), column == where);
      QCOMPARE(cell.data(Qt::ToolTipRole).toString().contains("not the baseline's " + what + ": "), column == where);
      QVERIFY(!model.index(0, int(column)).data().toString().startsWith(u'≠'));
    }
  }

  /// The repetitions' own scatter is no difference, in the list as in the comparison.
  void theListHasTheComparisonsRuleForNoise() {
    BenchmarkRun calm = sampleRun(1), other = sampleRun(2);
    calm.rows[2].generation->tokensPerSecond.values = {100, 140, 60, 130, 70};
    other.rows[2].generation->tokensPerSecond.values = {75, 75, 75};
    const auto difference = differenceOf(entryOf("b", other), entryOf("a", calm), RunColumn::TokensPerSecond, 0.05);
    QVERIFY(difference && difference->tone == RunTone::Muted && difference->apart.isEmpty());
    const RunDiff diff = compareRuns(calm, other, 0.05);
    QCOMPARE(diff.figures->find("tokens_per_second")->verdict, DiffMetric::Verdict::Same);
    QCOMPARE(diff.rows[2].find("tokens_per_second")->verdict, DiffMetric::Verdict::Same);
  }

  void cellsAreShortAndToolTipsExact() {
    RunEntry entry = entryWith("a.json", 1);
    entry.figures.at(RunFigureId::TokensPerSecond).value = 206.48123;
    entry.notes = "two\nlines";
    QCOMPARE(runCellText(entry, RunColumn::TokensPerSecond, kMiB), "206");
    QCOMPARE(runToolTip(entry, RunColumn::TokensPerSecond), "206.48123 tokens/s, as planned");
    QCOMPARE(runCellText(entry, RunColumn::LatencyMs, kMiB), "4.00");
    QCOMPARE(runToolTip(entry, RunColumn::LatencyMs), "4 ms, jit\nwith resident final weights: 1 ms");
    QCOMPARE(runCellText(entry, RunColumn::Peak, kMiB), "14.0");
    QCOMPARE(runToolTip(entry, RunColumn::Peak), "14,680,064 bytes, as planned\nbudget: 16,777,216 bytes");
    QCOMPARE(runCellText(entry, RunColumn::Notes, kMiB), "two lines");
    QCOMPARE(runCellText(entry, RunColumn::Verdict, kMiB), "✓ bit-exact");
    QCOMPARE(runHeaderText(RunColumn::Peak, kMiB), "Peak, MiB");
    QCOMPARE(runCellText(entry, RunColumn::Mode, kMiB), "as planned, jit");
    BenchmarkRun wrong = sampleRun(1);
    wrong.rows[0].bitExact = false;
    QCOMPARE(runCellText(entryOf("a", wrong), RunColumn::Verdict, kMiB), "✕ not passed");
    BenchmarkRun part = sampleRun(1);
    part.state = BenchmarkState::Cancelled;
    part.skipped = {{"a", "jit", "no room"}, {"b", "jit", "no room"}, {"c", "jit", "no room"}};
    QCOMPARE(runCellText(entryOf("a", part), RunColumn::State, kMiB), "cancelled, partial");
    QCOMPARE(runCellText(entryOf("a", part), RunColumn::Verdict, kMiB), "– partial, 3 not measured");
    part.rows.clear();
    QCOMPARE(runCellText(entryOf("a", part), RunColumn::Verdict, kMiB), "– nothing measured");
    entry.figures.at(RunFigureId::Latency).value.reset();
    QCOMPARE(runCellText(entry, RunColumn::LatencyMs, kMiB), "–");
    const RunEntry bad = unreadableEntry("bad.json", {ErrorCode::Corrupt, "cut off", "copy it again"});
    QCOMPARE(runCellText(bad, RunColumn::Verdict, kMiB), "✕ unreadable");
    QVERIFY(runToolTip(bad, RunColumn::Name).contains("cut off"));
  }

  void theModelKeepsItsPromises() {
    RunListModel model;
    RunFilter filter(&model);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    const QAbstractItemModelTester filterTester(&filter, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setEntries({entryWith("a", 1), entryWith("b", 1.1)});
    model.setBaseline("a");
    QCOMPARE(model.baseline(), "a");
    QCOMPARE(model.index(1, int(RunColumn::TokensPerSecond)).data().toString(), "187 (−9.1 %)");
    QCOMPARE(model.index(0, int(RunColumn::TokensPerSecond)).data().toString(), "206");
    QVERIFY(model.index(1, int(RunColumn::TokensPerSecond)).data(Qt::ToolTipRole).toString().contains(": worse"));
    model.setThreshold(0.2);
    QCOMPARE(model.index(1, int(RunColumn::TokensPerSecond)).data(RunListModel::DifferenceToneRole).toInt(),
             int(RunTone::Muted));
    model.put(entryWith("c", 2));
    QCOMPARE(model.rowCount(), 3);
    QCOMPARE(model.baseline(), "a");
    model.put(entryWith("b", 3));
    QCOMPARE(model.rowCount(), 3);
    model.remove({"a", "no such"});
    QCOMPARE(model.baseline(), "");
    QCOMPARE(model.index(0, int(RunColumn::TokensPerSecond)).data().toString(), "103");
    model.put(entryWith("a", 1));
    QCOMPARE(model.baseline(), "a");  // comes back with its run
    filter.setQuery("nothing like it", false);
    QCOMPARE(filter.rowCount(), 0);
    model.setEntries({});
    for (int i = 0; i < kRunColumnCount; ++i) {
      QVERIFY(!model.headerData(i, Qt::Horizontal).toString().isEmpty());
      QVERIFY(!model.headerData(i, Qt::Horizontal, Qt::ToolTipRole).toString().isEmpty());
    }
  }

  void editsAreRequests() {
    RunListModel model;
    model.setEntries({entryWith("a", 1), unreadableEntry("bad", {ErrorCode::Corrupt, "cut", ""})});
    QSignalSpy renames(&model, &RunListModel::renameRequested), notes(&model, &RunListModel::notesRequested);
    model.setData(model.index(0, int(RunColumn::Name)), " fast one ");
    model.setData(model.index(0, int(RunColumn::Notes)), "why");
    model.setData(model.index(0, int(RunColumn::Name)), "run 1");  // its name: nothing to do
    model.setData(model.index(0, int(RunColumn::Model)), "other");
    model.setData(model.index(1, int(RunColumn::Name)), "of an unreadable one");
    QCOMPARE(renames, (QList<QVariantList>{{"a", "fast one"}}));
    QCOMPARE(notes, (QList<QVariantList>{{"a", "why"}}));
    QCOMPARE(model.index(0, int(RunColumn::Name)).data().toString(), "run 1");
  }

  void missingFiguresSortLast() {
    RunListModel model;
    RunFilter filter(&model);
    RunEntry none = entryWith("none", 1);
    none.figures.at(RunFigureId::Latency).value.reset();
    model.setEntries({entryWith("slow", 2), none, entryWith("fast", 1)});
    filter.sort(int(RunColumn::LatencyMs), Qt::DescendingOrder);
    QStringList files;
    for (int row = 0; row < 3; ++row) files << filter.index(row, 0).data(RunListModel::FileRole).toString();
    QCOMPARE(files, (QStringList{"slow", "fast", "none"}));
  }
};

QTEST_MAIN(TestRunModel)
#include "test_run_model.moc"
