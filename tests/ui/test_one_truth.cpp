// SPDX-License-Identifier: GPL-3.0-or-later
// Every place that shows a figure of a run shows the same one: head line, list, table, charts, status bar, report, files, and
// the command line.
#include <QComboBox>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QPushButton>
#include <QTableView>

#include "core/base/number.h"
#include "core/bench/diff.h"
#include "core/bench/run_words.h"
#include "core/pack/pack.h"
#include "tests/app/run_cli.h"
#include "tests/ui/frame_fixture.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/benchmark/run_rows_model.h"
#include "ui/charts/numbers.h"
#include "ui/history/run_list_model.h"
#include "ui/history/run_list_view.h"

using namespace deltascope;
using namespace deltascope::ui;
using Id = RunFigureId;

namespace {

QString wordsOf(std::string_view view) { return QString::fromUtf8(view.data(), static_cast<qsizetype>(view.size())); }

QByteArray bytesOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// Rows of a CSV table by column; no cell of these tables holds a line break.
QList<QHash<QString, QString>> tableOf(const QByteArray& csv) {
  const auto cells = [](const QString& line) {
    QStringList found{QString()};
    bool quoted = false;
    for (const QChar c : line) {
      if (c == '"')
        quoted = !quoted;
      else if (c == ',' && !quoted)
        found << QString();
      else
        found.last() += c;
    }
    return found;
  };
  const QStringList lines = QString::fromUtf8(csv).split("\r\n", Qt::SkipEmptyParts);
  QList<QHash<QString, QString>> rows;
  if (lines.isEmpty()) return rows;
  const QStringList heads = cells(lines.first());
  for (const QString& line : lines.mid(1)) {
    const QStringList values = cells(line);
    QHash<QString, QString> row;
    for (qsizetype i = 0; i < heads.size() && i < values.size(); ++i) row[heads[i]] = values[i];
    rows << row;
  }
  return rows;
}

}  // namespace

class TestOneTruth : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void init() { beStrict(); }
  void everyPlaceAgrees_data();
  void everyPlaceAgrees();

 private:
  void measure(Frame& frame, const QString& what);
  void inTheWindow(const Frame& frame, bool byThisWindow);
  void inCharts(const Frame& frame);
  void inTheList(Frame& frame, const QString& file);
  void inTheReport(Frame& frame);
  void inFiles(const QString& path);
  void byTheCommandLine(const QString& path);
  [[nodiscard]] const FigureValue& figure(Id id) const { return m_figures[id]; }
  [[nodiscard]] QString exactly(Id id) const {
    return figure(id).value ? QString::fromStdString(numberText(*figure(id).value)) : QString();
  }
  [[nodiscard]] QString shortly(Id id) const { return QString::fromStdString(shortText(describe(id).unit, *figure(id).value)); }

  QTemporaryDir m_scratch;
  QString m_packed;
  BenchmarkRun m_run;    // as its record says
  RunFigures m_figures;  // of it
};

void TestOneTruth::initTestCase() {
  (void)Frame::look();
  m_packed = m_scratch.filePath("demo-nf4");
  PackRequest request;
  request.final = DELTASCOPE_DEMO "/chat";
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = m_packed.toStdString();
  QVERIFY(pack(request, {}));
}

void TestOneTruth::everyPlaceAgrees_data() {
  QTest::addColumn<QString>("what");
  for (const char* what : {"small-and-large", "one-layer", "whole-model", "generation", "cancelled", "partial"})
    QTest::newRow(what) << what;
}

void TestOneTruth::everyPlaceAgrees() {
  QFETCH(QString, what);
  Frame frame;
  frame.engine = realEngine();
  frame.open();
  frame.window->openPath(m_packed);
  QTRY_VERIFY(frame.window->session().model());
  frame.window->showPage("benchmark");
  measure(frame, what);
  if (QTest::currentTestFailed()) return;
  QDir runs(frame.scratch.filePath("data/runs"));
  QString file = runs.entryList({"*.json"}).value(0);
  QVERIFY(!file.isEmpty());
  auto* page = frame.window->findChild<BenchmarkPage*>();
  if (what == "partial") {  // what a killed run leaves
    auto cut = readRun(runs.filePath(file).toStdString());
    QVERIFY(cut);
    cut->state = BenchmarkState::Running;
    cut->chosen = 74;
    file = "killed.json";
    const QString elsewhere = frame.scratch.filePath(file);
    QVERIFY(writeTextFile(elsewhere.toStdString(), toJsonText(*cut)));
    frame.window->openPath(elsewhere);
    QTRY_VERIFY_WITH_TIMEOUT(page->shownRun() && page->shownRun()->state == BenchmarkState::Running, 30000);
  }
  QTRY_VERIFY_WITH_TIMEOUT(frame.window->findChild<RunListView*>()->model()->rowOf(file) >= 0, 30000);
  const QString path = runs.filePath(file);
  const auto record = readRun(path.toStdString());
  QVERIFY2(record, record ? "" : describe(record.error()).c_str());
  m_run = *record;
  m_figures = figuresOf(m_run);
  QVERIFY(m_figures.count(Id::Checks) > 0);
  inTheWindow(frame, what != "partial");
  inCharts(frame);
  inTheList(frame, file);
  inTheReport(frame);
  inFiles(path);
  byTheCommandLine(path);
}

void TestOneTruth::measure(Frame& frame, const QString& what) {
  using What = BenchmarkForm::What;
  auto* page = frame.window->findChild<BenchmarkPage*>();
  BenchmarkForm form = page->form();
  form.what = what == "one-layer"                            ? What::OneLayer
              : what == "whole-model" || what == "cancelled" ? What::WholeModel
              : what == "generation"                         ? What::Generation
                                                             : What::SmallAndLarge;
  form.budget = form.what == What::WholeModel ? QString() : QString("14 MiB");
  form.repeat = what == "cancelled" ? 3000 : 2;
  form.baselines = form.what == What::SmallAndLarge || form.what == What::Generation;
  form.tokens = 6;
  page->setForm(form);
  frame.find<QPushButton>("benchRun")->click();
  const JobId job = frame.window->jobs().jobs().back();
  if (what == "cancelled") {
    QTRY_VERIFY_WITH_TIMEOUT(frame.find<QTableView>("benchRows")->model()->rowCount() > 0, 120000);
    frame.find<QPushButton>("benchRun")->click();
  }
  QTRY_VERIFY_WITH_TIMEOUT(!page->running(), 240000);
  QTRY_COMPARE(frame.window->jobs().job(job)->state, what == "cancelled" ? JobState::Cancelled : JobState::Succeeded);
}

void TestOneTruth::inTheWindow(const Frame& frame, bool byThisWindow) {
  const QString head = frame.find<QLabel>("benchSummary")->text();
  QCOMPARE(head, QString::fromStdString(runSentence(m_run)));
  for (const Id id : {Id::TokensPerSecond, Id::FirstToken, Id::Latency, Id::Resident, Id::Rebuild, Id::Peak, Id::Budget})
    if (figure(id).value) QVERIFY2(head.contains(shortly(id)), qPrintable(head + " lacks " + shortly(id)));
  QCOMPARE(head.contains("partial"), m_run.state != BenchmarkState::Complete);
  QCOMPARE(head.contains("not measured"), !m_run.skipped.empty());
  if (!m_figures.mode.empty()) QVERIFY2(head.contains("; " + wordsOf(m_figures.mode) + ", "), qPrintable(head));

  // The table: what the head says, added up from the rows of its mode.
  const auto* rows = frame.window->findChild<RunRowsModel*>();
  double latency = 0, resident = 0, peak = 0;
  for (int row = 0; row < rows->rowCount(); ++row) {
    const BenchmarkRow& one = rows->rowAt(row);
    const auto cell = [&](RunRowsModel::Column column) {
      return rows->index(row, column).data(RunRowsModel::kSortRole).toDouble();
    };
    if (rows->isBaseline(row) || !isHeadline(one, m_figures)) continue;
    peak = std::max(peak, cell(RunRowsModel::Peak));
    if (one.generation) {
      QCOMPARE(rounded(cell(RunRowsModel::TokensPerSecond)), *figure(Id::TokensPerSecond).value);
      continue;
    }
    latency += cell(RunRowsModel::Used);
    resident += cell(RunRowsModel::Resident);
  }
  if (figure(Id::Latency).value) QCOMPARE(rounded(latency), *figure(Id::Latency).value);
  if (figure(Id::Resident).value) QCOMPARE(rounded(resident), *figure(Id::Resident).value);
  QCOMPARE(peak * double(1u << 20), *figure(Id::Peak).value);

  const QString checks = frame.find<QLabel>("liveVerdicts")->text();
  QVERIFY2(checks.contains(QString("%1 of %1 checks").arg(exactCount(m_figures.count(Id::Checks)))), qPrintable(checks));
  if (!byThisWindow) return;
  const QString status = frame.find<QLabel>("statusVerdict")->text();
  const auto tensors = m_figures.count(Id::Tensors);
  QCOMPARE(status, tensors ? QString("– %1 of 74 tensors checked by this run, bit-exact").arg(tensors)
                           : QString("– not verified: this run compared logits"));
}

void TestOneTruth::inCharts(const Frame& frame) {
  const std::string mode = m_figures.generationMode.empty() ? m_figures.mode : m_figures.generationMode;
  for (const RunChart& one : frame.window->findChild<LiveRun*>()->charts()) {
    if (one.id == "memory") {
      const auto& chart = std::get<LinesChart>(one.chart);
      const auto& line = chart.lines.front();
      QVERIFY2(line.label.endsWith("peak " + shortly(Id::Peak)), qPrintable(line.label));
      double highest = 0;
      for (const auto& [x, y] : line.points) highest = std::isfinite(y) ? std::max(highest, y) : highest;
      const double unit = chart.valueLabel == "KiB" ? 1024 : chart.valueLabel == "MiB" ? 1 << 20 : 1 << 30;
      QCOMPARE(std::round(highest * unit), *figure(Id::Peak).value);
      QCOMPARE(chart.limit.has_value(), figure(Id::Budget).value.has_value());
      if (chart.limit) QCOMPARE(chart.limit->label, "budget " + shortly(Id::Budget));
    } else if (one.id == "latency" && figure(Id::Latency).value) {
      double latency = 0;
      for (const auto& series : std::get<SpreadChart>(one.chart).series)
        for (const auto& point : series.points)
          if (series.label == wordsOf(mode) && point.present) latency += point.middle;
      QCOMPARE(rounded(latency), *figure(Id::Latency).value);
    }
  }
}

void TestOneTruth::inTheList(Frame& frame, const QString& file) {
  auto* view = frame.window->findChild<RunListView*>();
  const RunListModel& model = *view->model();
  const int row = model.rowOf(file);
  const auto cell = [&](RunColumn column, int role = Qt::DisplayRole) { return model.index(row, int(column)).data(role); };
  for (const RunColumn column : {RunColumn::TokensPerSecond, RunColumn::LatencyMs, RunColumn::Reconstruct, RunColumn::Peak}) {
    const auto& value = figure(figureIn(column)).value;
    const double shown = cell(column, RunListModel::SortRole).toDouble();
    QCOMPARE(std::isfinite(shown), value.has_value());
    if (value) QCOMPARE(shown, *value);
    if (value)
      QVERIFY(cell(column, Qt::ToolTipRole)
                  .toString()
                  .startsWith(QString::fromStdString(exactText(describe(figureIn(column)).unit, *value))));
  }
  QCOMPARE(cell(RunColumn::State).toString(), QString::fromStdString(stateWords(m_run.state)));
  QCOMPARE(cell(RunColumn::Verdict).toString(), QString::fromStdString(shortVerdict(m_run)));
  QCOMPARE(cell(RunColumn::Verdict, Qt::ToolTipRole).toString(), QString::fromStdString(runSentence(m_run)));
  frame.dialogs.save = frame.scratch.filePath("list.csv");
  frame.trigger("runExportCsv");
  QTRY_VERIFY(QFile::exists(frame.dialogs.save));
  for (const auto& line : tableOf(bytesOf(frame.dialogs.save))) {
    if (line["file"] != file) continue;
    for (const RunFigure& one : runFigureTable()) {
      if (one.id >= Id::FirstToken && one.id <= Id::VerifyTime) continue;  // have no column
      QVERIFY2(line.contains(wordsOf(one.key)), one.key.data());
      QCOMPARE(line[wordsOf(one.key)], exactly(one.id));
    }
    QCOMPARE(line["verdict"], QString::fromStdString(runSentence(m_run)));
    return;
  }
  QFAIL("the run is not in the list's table");
}

void TestOneTruth::inTheReport(Frame& frame) {
  frame.dialogs.save = frame.scratch.filePath("report");
  frame.trigger("benchReport");
  const QDir report(frame.dialogs.save);
  QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(report.filePath("index.html")), 60000);
  QTRY_VERIFY_WITH_TIMEOUT(frame.window->jobs().idle(), 60000);
  QCOMPARE(bytesOf(report.filePath("figures.csv")), QByteArray::fromStdString(figuresCsv(m_figures)));
  const QString page = QString::fromUtf8(bytesOf(report.filePath("index.html")));
  QVERIFY(page.contains(QString::fromStdString(runSentence(m_run)).toHtmlEscaped()));
  for (const RunFigure& one : runFigureTable())
    if (figure(one.id).value)
      QVERIFY2(page.contains(QString::fromStdString(exactText(one.unit, *figure(one.id).value))), one.key.data());
  const QJsonObject summary = QJsonDocument::fromJson(bytesOf(report.filePath("summary.json"))).object();
  QCOMPARE(summary["figures"].toObject(),
           QJsonDocument::fromJson(bytesOf(report.filePath("run.json"))).object()["figures"].toObject());
  QCOMPARE(summary["partial"].toBool(), m_run.state != BenchmarkState::Complete);
  double highest = 0;
  const std::string mode = m_figures.generationMode.empty() ? m_figures.mode : m_figures.generationMode;
  for (const auto& line : tableOf(bytesOf(report.filePath("memory.csv"))))
    if (line["phase"] == wordsOf(mode)) highest = std::max(highest, line["accounted_bytes"].toDouble());
  QCOMPARE(highest, *figure(Id::Peak).value);
}

void TestOneTruth::inFiles(const QString& path) {
  const QJsonObject json = QJsonDocument::fromJson(bytesOf(path)).object(), figures = json["figures"].toObject();
  QCOMPARE(figures["mode"].toString(), wordsOf(m_figures.mode));
  for (const RunFigure& one : runFigureTable()) {
    const QJsonValue value = figures[wordsOf(one.key)];
    QCOMPARE(value.isDouble(), figure(one.id).value.has_value());
    if (figure(one.id).value) QCOMPARE(value.toDouble(), *figure(one.id).value);
  }
  QCOMPARE(json["verdict"].toString(), QString::fromStdString(runSentence(m_run)));
  double latency = 0, peak = 0;
  for (const auto& line : tableOf(QByteArray::fromStdString(toCsv(m_run)))) {
    QCOMPARE(line["run_state"], QString::fromStdString(stateWords(m_run.state)));
    if (line["headline"] != "yes") continue;
    peak = std::max(peak, line["peak_memory_bytes"].toDouble());
    if (line["operation"] != "generation") latency += line["latency_jit_ms"].toDouble();
  }
  if (figure(Id::Latency).value) QCOMPARE(rounded(latency), *figure(Id::Latency).value);
  QCOMPARE(peak, *figure(Id::Peak).value);
}

void TestOneTruth::byTheCommandLine(const QString& path) {
  const auto shown = test::runCli({"bench", path});
  COMPARE_STATUS(shown, 0);
  const QString said = QString::fromUtf8(shown.out);
  QVERIFY2(said.contains(QString::fromStdString(runSentence(m_run))), qPrintable(said));
  for (const RunFigure& one : runFigureTable())
    if (figure(one.id).value)
      QVERIFY2(said.contains(wordsOf(one.label)) &&
                   said.contains(QString::fromStdString(exactText(one.unit, *figure(one.id).value))),
               one.key.data());
  const QString csv = m_scratch.filePath("rows.csv");
  const auto json = test::runCli({"bench", path, "--json", "--csv", csv});
  COMPARE_STATUS(json, 0);
  QCOMPARE(json.out, bytesOf(path));
  QCOMPARE(bytesOf(csv), QByteArray::fromStdString(toCsv(m_run)));
  const auto diff = test::runCli({"diff", path, path, "--json"});
  COMPARE_STATUS(diff, 0);
  const auto metrics = diff.json().at("figures").at("metrics");
  for (const RunFigure& one : runFigureTable()) {
    QCOMPARE(metrics.contains(one.key), figure(one.id).value.has_value());
    if (figure(one.id).value) QCOMPARE(metrics.at(std::string(one.key)).at("a").get<double>(), *figure(one.id).value);
  }
}

QTEST_MAIN(TestOneTruth)
#include "test_one_truth.moc"
