// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTabWidget>
#include <QTableView>

#include "tests/ui/frame_fixture.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/benchmark/run_rows_model.h"
#include "ui/frame/message_bar.h"

using namespace deltascope;
using namespace deltascope::ui;

/// The page in the real window, over an engine that answers at once.
class TestBenchmarkPage : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void formBecomesARequest_data();
  void formBecomesARequest();
  void formSurvivesItsJson();
  void saysWhyAFormCannotRun_data();
  void saysWhyAFormCannotRun();
  void rowsAreATable();
  void runsShowsAndRecords();
  void cancelKeepsWhatWasMeasured();
  void refusalIsSaidInTheBar();
  void aDeviceThatVanishesFailsThatRunOnly();
  void runFileOpensInTheWindow();
  void brokenRunFileIsSaid();
  void reportOfTheRunIsWritten();
  void figuresAreExported();
  void nothingRunsWithoutAModel();

 private:
  static BenchmarkPage& page(const Frame& frame) { return *frame.window->findChild<BenchmarkPage*>(); }
  static void openModel(Frame& frame, const QString& name = "packed") {
    frame.window->openPath(frame.model(name));
    QTRY_VERIFY(frame.window->session().model());
    frame.window->showPage("benchmark");
  }
  static QString said(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message().text; }
};

void TestBenchmarkPage::formBecomesARequest_data() {
  QTest::addColumn<int>("what");
  QTest::addColumn<QString>("tensors");
  QTest::addColumn<int>("generate");
  using What = BenchmarkForm::What;
  BenchmarkRequest small, layer, all;
  applyPreset(small, BenchmarkPreset::SmallAndLarge);
  applyPreset(layer, BenchmarkPreset::OneLayer);
  applyPreset(all, BenchmarkPreset::WholeModel);
  QTest::newRow("small and large") << int(What::SmallAndLarge) << QString::fromStdString(small.tensors) << 0;
  QTest::newRow("one layer") << int(What::OneLayer) << QString::fromStdString(layer.tensors) << 0;
  QTest::newRow("whole model") << int(What::WholeModel) << QString::fromStdString(all.tensors) << 0;
  QTest::newRow("chosen tensors") << int(What::Tensors) << "*q_proj*" << 0;
  QTest::newRow("generation") << int(What::Generation) << QString() << 48;
}

void TestBenchmarkPage::formBecomesARequest() {
  QFETCH(int, what);
  QFETCH(QString, tensors);
  QFETCH(int, generate);
  BenchmarkForm form;
  form.what = static_cast<BenchmarkForm::What>(what);
  form.tokens = 48;
  form.budget = "14 MiB";
  form.repeat = 7;
  form.baselines = false;
  const BenchmarkRequest request = requestOf(form, sampleInspection("/models/packed"));
  QCOMPARE(QString::fromStdString(request.tensors), tensors);
  QCOMPARE(int(request.generate), generate);
  QCOMPARE(request.model.memoryBudget.value_or(0), std::uint64_t{14} << 20);
  QCOMPARE(request.repeat, 7u);
  QVERIFY(!request.baselines);
  QCOMPARE(request.model.path, std::filesystem::path("/models/packed"));
}

void TestBenchmarkPage::formSurvivesItsJson() {
  BenchmarkForm form;
  form.what = BenchmarkForm::What::Tensors;
  form.tensors = "*.mlp.*";
  form.device = "cuda:0";
  form.budget = "5.3 GB";
  form.repeat = 3;
  form.warmup = 0;
  form.seed = 99;
  form.baselines = false;
  QVERIFY(benchmarkFormFromJson(toJson(form)) == form);
  QVERIFY(benchmarkFormFromJson("not json") == BenchmarkForm());
  QCOMPARE(benchmarkFormFromJson(R"({"repeat":-4,"what":"nothing"})").repeat, 1);
}

void TestBenchmarkPage::saysWhyAFormCannotRun_data() {
  QTest::addColumn<QString>("tensors");
  QTest::addColumn<QString>("budget");
  QTest::addColumn<QString>("problem");
  QTest::newRow("fine") << "*"
                        << ""
                        << "";
  QTest::newRow("no names") << " "
                            << ""
                            << "name tensors";
  QTest::newRow("no size") << "*"
                           << "plenty"
                           << "not a size";
}

void TestBenchmarkPage::saysWhyAFormCannotRun() {
  QFETCH(QString, tensors);
  QFETCH(QString, budget);
  QFETCH(QString, problem);
  BenchmarkForm form;
  form.what = BenchmarkForm::What::Tensors;
  form.tensors = tensors;
  form.budget = budget;
  QCOMPARE(problemOf(form).isEmpty(), problem.isEmpty());
  QVERIFY(problemOf(form).contains(problem));
}

void TestBenchmarkPage::rowsAreATable() {
  RunRowsModel model;
  const QAbstractItemModelTester tester(&model);
  BenchmarkRow wrong = sampleRow("a", "jit", 2);
  wrong.bitExact = false;
  wrong.elementsDifferent = 3;
  wrong.firstDifference = 17;
  model.add({{sampleRow("model.embed_tokens.weight", "jit", 0.8), false}});
  model.add({{wrong, false}});
  model.add({{sampleRow("a", "additive", 20), true}});
  const auto cell = [&](int row, int column, int role = Qt::DisplayRole) {
    return model.data(model.index(row, column), role).toString();
  };
  QCOMPARE(cell(0, RunRowsModel::Used), QString("1.60"));
  QCOMPARE(cell(0, RunRowsModel::Overhead), QString("+1.10"));
  QCOMPARE(cell(0, RunRowsModel::Verdict), QString("✓ bit-exact"));
  QCOMPARE(cell(1, RunRowsModel::Verdict), QString("✕ 3 of 65,536 differ"));
  QVERIFY(cell(1, RunRowsModel::Verdict, Qt::ToolTipRole).contains("first at 17"));
  QCOMPARE(cell(2, RunRowsModel::Mode), QString("old scripts (additive) · baseline"));
  QCOMPARE(cell(0, RunRowsModel::TokensPerSecond), QString("–"));
  QVERIFY(!model.hasFigures(RunRowsModel::TokensPerSecond));
  QVERIFY(cell(0, RunRowsModel::Used, Qt::ToolTipRole).contains("3 repetitions"));
  model.clear();
  QCOMPARE(model.rowCount(), 0);
}

void TestBenchmarkPage::runsShowsAndRecords() {
  Frame frame;
  frame.open();
  openModel(frame);
  QSignalSpy changes(&frame.window->jobs(), &JobRunner::finished);
  frame.find<QPushButton>("benchRun")->click();
  QTRY_VERIFY(!page(frame).running());
  QVERIFY(page(frame).shownRun());
  QCOMPARE(page(frame).shownRun()->rows.size(), std::size_t{2});
  QCOMPARE(frame.find<QTableView>("benchRows")->model()->rowCount(), 2);
  QCOMPARE(frame.find<QLabel>("liveVerdicts")->text(), QString("✓ bit-exact: 2 of 2 checks"));
  QCOMPARE(QDir(frame.scratch.filePath("data/runs")).entryList({"*.json"}).size(), 1);
}

void TestBenchmarkPage::cancelKeepsWhatWasMeasured() {
  Frame frame;
  frame.benchmark.gate.open = false;
  frame.open();
  openModel(frame);
  frame.trigger("benchRunAction");
  QTRY_COMPARE(frame.find<QTableView>("benchRows")->model()->rowCount(), 1);
  QCOMPARE(frame.find<QPushButton>("benchRun")->text(), QString("&Cancel"));
  frame.find<QPushButton>("benchRun")->click();
  QTRY_VERIFY(!page(frame).running());
  QVERIFY(page(frame).shownRun()->state == BenchmarkState::Cancelled);
  QVERIFY(said(frame).contains("cancelled"));
  QVERIFY(frame.find<QPushButton>("benchRun")->isEnabled());
}

void TestBenchmarkPage::refusalIsSaidInTheBar() {
  Frame frame;
  frame.benchmark.refusal = Error{ErrorCode::InvalidArgument, "no weight matches x", "see inspect for the names"};
  frame.open();
  openModel(frame);
  frame.trigger("benchRunAction");
  QTRY_VERIFY(said(frame).contains("no weight matches x"));
  QVERIFY(!page(frame).shownRun());
}

void TestBenchmarkPage::aDeviceThatVanishesFailsThatRunOnly() {
  Frame frame;
  frame.benchmark.failure = "cuda:0: the device was lost";
  frame.open();
  openModel(frame);
  frame.trigger("benchRunAction");
  QTRY_VERIFY(said(frame).contains("the device was lost"));
  QCOMPARE(frame.find<QTableView>("benchRows")->model()->rowCount(), 1);  // what was measured before
  frame.benchmark.failure.reset();
  frame.trigger("benchRunAction");
  QTRY_VERIFY(page(frame).shownRun() && page(frame).shownRun()->state == BenchmarkState::Complete);
}

void TestBenchmarkPage::runFileOpensInTheWindow() {
  Frame frame;
  frame.open();
  openModel(frame);
  frame.trigger("benchRunAction");
  QTRY_VERIFY(page(frame).shownRun());
  const QString elsewhere = frame.scratch.filePath("mine.json");
  QVERIFY(writeTextFile(elsewhere.toStdString(), toJsonText(*page(frame).shownRun())));
  frame.window->showPage("start");
  frame.window->openPath(elsewhere);
  QCOMPARE(frame.window->currentPage(), QString("benchmark"));
  QTRY_COMPARE(QDir(frame.scratch.filePath("data/runs")).entryList({"*.json"}).size(), 2);
}

void TestBenchmarkPage::brokenRunFileIsSaid() {
  Frame frame;
  frame.open();
  const QString path = frame.scratch.filePath("broken.json");
  QVERIFY(writeTextFile(path.toStdString(), "{\"format\": \"something else\"}"));
  frame.window->openPath(path);
  QTRY_VERIFY(!said(frame).isEmpty());
  QVERIFY(!page(frame).shownRun());
}

void TestBenchmarkPage::reportOfTheRunIsWritten() {
  Frame frame;
  frame.open();
  openModel(frame);
  frame.trigger("benchRunAction");
  QTRY_VERIFY(page(frame).shownRun());
  frame.dialogs.save = frame.scratch.filePath("report");
  frame.trigger("benchReport");
  QTRY_VERIFY2(said(frame).startsWith("Report written"), qPrintable(said(frame)));
  QVERIFY(QFile::exists(frame.scratch.filePath("report/index.html")));
}

void TestBenchmarkPage::figuresAreExported() {
  Frame frame;
  frame.open();
  openModel(frame);
  frame.trigger("benchRunAction");
  QTRY_VERIFY(page(frame).shownRun());
  frame.dialogs.save = frame.scratch.filePath("figures");
  frame.trigger("benchExportRows");
  QFile file(frame.scratch.filePath("figures.csv"));
  QVERIFY(file.open(QIODevice::ReadOnly));
  QCOMPARE(file.readAll(), QByteArray::fromStdString(toCsv(*page(frame).shownRun())));
}

void TestBenchmarkPage::nothingRunsWithoutAModel() {
  Frame frame;
  frame.open();
  frame.window->showPage("benchmark");
  QVERIFY(!frame.find<QPushButton>("benchRun")->isEnabled());
  QVERIFY(frame.find<QLabel>("benchProblem")->text().contains("Open a model"));
  page(frame).run();
  QCOMPARE(frame.benchmark.runs.load(), 0);
}

QTEST_MAIN(TestBenchmarkPage)
#include "test_benchmark_page.moc"
