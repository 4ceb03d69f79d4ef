// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QTableView>
#include <cmath>

#include "tests/ui/frame_fixture.h"
#include "ui/compare/comparison_model.h"
#include "ui/compare/comparison_view.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/filter_bar.h"

using namespace deltascope;
using namespace deltascope::ui;

/// Runs and payloads side by side.
class TestComparison : public QObject {
  Q_OBJECT
 private slots:
  void init() { beStrict(); }
  void numbersAreTheEngines();
  void wordsOfADifference_data();
  void wordsOfADifference();
  void severalRunsShareTheirRows();
  void sidesThatLackARowAreSaid();
  void differentModelsAreComparedAndSaid();
  void payloadsTellTheirCodecs();
  void viewFiltersAndExports();
  void thresholdDecidesWhatIsNoise();

 private:
  static NamedRun run(const QString& name, double jit, const std::string& fingerprint = "aa") {
    NamedRun named{name, {}};
    named.run.name = name.toStdString();
    named.run.state = BenchmarkState::Complete;
    named.run.modelFingerprint = fingerprint;
    named.run.device.id = "cpu";
    named.run.rows = {sampleRow("model.embed_tokens.weight", "jit", jit), sampleRow("model.norm.weight", "static", 0.2)};
    for (BenchmarkRow& row : named.run.rows) row.peakMemoryBytes = 1 << 20;  // what is counted differs whatever the threshold
    return named;
  }
  static QString cell(const QAbstractItemModel& model, int row, int column, int role = Qt::DisplayRole) {
    return model.index(row, column).data(role).toString();
  }
};

void TestComparison::numbersAreTheEngines() {
  const std::vector<NamedRun> runs{run("before", 0.8), run("after", 1.6)};
  ComparisonModel model;
  const QAbstractItemModelTester tester(&model);
  model.setComparison(compareAll(runs, 0.05));
  model.setMetric("latency_jit_ms");
  const RunDiff diff = compareRuns(runs[0].run, runs[1].run, 0.05);
  QCOMPARE(model.rowCount(), int(diff.rows.size()));
  for (int row = 0; row < model.rowCount(); ++row) {
    const DiffMetric* metric = diff.rows[std::size_t(row)].find("latency_jit_ms");
    QVERIFY(metric);
    const double absolute =
        model.index(row, ComparisonModel::FixedCount + ComparisonModel::Absolute).data(ComparisonModel::kSortRole).toDouble();
    QVERIFY(std::abs(absolute - *metric->absolute()) == 0);
  }
  QCOMPARE(cell(model, 0, ComparisonModel::FixedCount + ComparisonModel::Absolute), QString("+1.60"));
  QCOMPARE(cell(model, 0, ComparisonModel::FixedCount + ComparisonModel::Relative), QString("+100 % ▼ worse"));
  QVERIFY2(sentenceOf(model.comparison(), "latency_jit_ms").startsWith("1 of 2 rows differ beyond noise"),
           qPrintable(sentenceOf(model.comparison(), "latency_jit_ms")));
}

void TestComparison::wordsOfADifference_data() {
  using Verdict = DiffMetric::Verdict;
  QTest::addColumn<int>("verdict");
  QTest::addColumn<double>("a");
  QTest::addColumn<double>("b");
  QTest::addColumn<QString>("relative");
  QTest::newRow("better") << int(Verdict::Better) << 2.0 << 1.0 << "−50.0 % ▲ better";
  QTest::newRow("worse") << int(Verdict::Worse) << 1.0 << 2.0 << "+100 % ▼ worse";
  QTest::newRow("same") << int(Verdict::Same) << 1.0 << 1.01 << "+1.00 % – same";
  QTest::newRow("from nothing") << int(Verdict::Changed) << 0.0 << 1.0 << "–";
}

void TestComparison::wordsOfADifference() {
  QFETCH(int, verdict);
  QFETCH(double, a);
  QFETCH(double, b);
  QFETCH(QString, relative);
  DiffMetric metric;
  metric.name = "latency_jit_ms";
  metric.a = a;
  metric.b = b;
  metric.verdict = static_cast<DiffMetric::Verdict>(verdict);
  QCOMPARE(differenceText(metric, true), relative);
}

void TestComparison::severalRunsShareTheirRows() {
  const TableComparison comparison = compareAll({run("a", 0.8), run("b", 0.8), run("c", 4)}, 0.05);
  QCOMPARE(comparison.rows.size(), std::size_t{2});
  QCOMPARE(comparison.rows[0].others.size(), std::size_t{2});
  QVERIFY(!comparison.rows[0].others[0]->differs());
  QVERIFY(comparison.rows[0].others[1]->differs());
  const SpreadChart chart = overlay(comparison, "latency_jit_ms", {0, 1});
  QCOMPARE(chart.series.size(), std::size_t{3});
  QCOMPARE(chart.series[0].label, QString("A"));
  QVERIFY(chart.series[2].points[0].middle > chart.series[0].points[0].middle);
}

void TestComparison::sidesThatLackARowAreSaid() {
  NamedRun more = run("more", 0.8);
  more.run.rows.push_back(sampleRow("model.extra.weight", "jit", 1));
  ComparisonModel model;
  model.setComparison(compareAll({run("less", 0.8), more}, 0.05));
  model.setMetric("latency_jit_ms");
  QCOMPARE(model.rowCount(), 3);
  QCOMPARE(cell(model, 2, model.remarksColumn()), QString("only in more"));
  QCOMPARE(cell(model, 2, ComparisonModel::Baseline), QString("–"));
}

void TestComparison::differentModelsAreComparedAndSaid() {
  const TableComparison comparison = compareAll({run("a", 0.8), run("b", 0.8, "bb")}, 0.05);
  QVERIFY2(notesOf(comparison).join(' ').contains("model"), qPrintable(notesOf(comparison).join(' ')));
  QCOMPARE(comparison.rows.size(), std::size_t{2});
}

void TestComparison::payloadsTellTheirCodecs() {
  auto before = sampleInspection("/a").tensors, after = before;
  after[1].codec = CodecId::Bitpack;
  after[1].storedBytes += 400;
  ComparisonModel model;
  model.setComparison(compareAll({"a", before}, {"b", after}));
  QVERIFY(metricsOf(model.comparison()).contains("stored_bytes"));
  model.setMetric("stored_bytes");
  QVERIFY2(cell(model, 1, model.remarksColumn()).contains("bitpack"), qPrintable(cell(model, 1, model.remarksColumn())));
  QCOMPARE(cell(model, 1, ComparisonModel::FixedCount + ComparisonModel::Absolute), QString("+400"));
  const QByteArray csv = toCsv(model.comparison(), {1});
  QVERIFY2(csv.contains("stored_bytes,3400,3800,400,"), csv.constData());
}

void TestComparison::viewFiltersAndExports() {
  QTemporaryDir scratch;
  Settings settings(scratch.filePath("settings.ini"));
  FakeDialogs dialogs;
  JobRunner jobs;
  ComparisonView view(PageServices{.engine = nullptr, .jobs = &jobs, .settings = &settings, .dialogs = &dialogs});
  view.resize(1200, 500);
  view.show();
  view.showRuns({run("before", 0.8), run("after", 1.6)});
  auto* table = view.findChild<QTableView*>("compareTable");
  QCOMPARE(table->model()->rowCount(), 2);
  view.findChild<QCheckBox*>("compareDifferencesOnly")->setChecked(true);
  QCOMPARE(table->model()->rowCount(), 1);
  view.findChild<QCheckBox*>("compareDifferencesOnly")->setChecked(false);
  auto* filter = view.findChild<FilterBar*>();
  filter->edit()->setText("norm");
  QTRY_COMPARE(table->model()->rowCount(), 1);
  dialogs.save = scratch.filePath("rows");
  view.findChild<QAction*>("compareExportCsv")->trigger();
  QFile csv(scratch.filePath("rows.csv"));
  QVERIFY(csv.open(QIODevice::ReadOnly));
  const QByteArray text = csv.readAll();
  QVERIFY(text.contains("model.norm.weight") && !text.contains("embed_tokens"));
  dialogs.save = scratch.filePath("chart.png");
  view.findChild<QAction*>("compareExportChart")->trigger();
  QVERIFY(QFile::exists(scratch.filePath("chart.png")));
  view.clear();
  QVERIFY(!view.findChild<QAction*>("compareExportCsv")->isEnabled());
}

void TestComparison::thresholdDecidesWhatIsNoise() {
  QTemporaryDir scratch;
  Settings settings(scratch.filePath("settings.ini"));
  FakeDialogs dialogs;
  JobRunner jobs;
  ComparisonView view(PageServices{.engine = nullptr, .jobs = &jobs, .settings = &settings, .dialogs = &dialogs});
  view.showRuns({run("before", 0.8), run("after", 1.6)});
  QVERIFY(view.findChild<QLabel*>("compareSentence")->text().contains("1 of 2 rows differ"));
  view.findChild<QDoubleSpinBox*>("compareThreshold")->setValue(900);
  QVERIFY(view.findChild<QLabel*>("compareSentence")->text().contains("No difference beyond noise"));
  QCOMPARE(settings.get(setting::kCompareThreshold), 900.0);
}

QTEST_MAIN(TestComparison)
#include "test_comparison.moc"
