// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAction>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QTemporaryDir>
#include <QToolButton>
#include <QtTest>

#include "tests/ui/frame_fixture.h"
#include "tests/ui/sample_runs.h"
#include "ui/frame/theme.h"
#include "ui/history/run_filter.h"
#include "ui/history/run_list_model.h"
#include "ui/history/run_list_view.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/filter_bar.h"
#include "ui/payload/state_stack.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

/// A list over a folder of runs, with its services.
struct List {
  explicit List(bool inMemory = false) : settings(scratch.filePath("settings.ini")) {
    if (!inMemory) services.dataFolder = scratch.filePath("data");
    services.jobs = &jobs;
    services.settings = &settings;
    services.dialogs = &dialogs;
  }
  RunListView& open() {
    view = std::make_unique<RunListView>(services);
    QObject::connect(view.get(), &RunListView::messageRaised, view.get(), [this](const Message& m) { messages.push_back(m); });
    view->resize(1366, 400);
    view->show();
    wait();
    return *view;
  }
  void wait() {
    QTRY_VERIFY(jobs.idle());
    QCoreApplication::processEvents();
  }
  [[nodiscard]] QString runs() const { return services.dataFolder + "/runs"; }
  void makeRuns(int count) {
    for (int i = 0; i < count; ++i) writeRun(runs(), QString("%1.json").arg(i), sampleRun(i, 1 + 0.1 * i));
  }
  void trigger(const char* name) {
    auto* action = view->findChild<QAction*>(name);
    QVERIFY2(action, name);
    QVERIFY2(action->isEnabled(), name);
    action->trigger();
    wait();
  }
  [[nodiscard]] bool enabled(const char* name) const { return view->findChild<QAction*>(name)->isEnabled(); }
  void choose(const QStringList& files) {
    view->table()->clearSelection();
    for (const QString& file : files) {
      const QModelIndex row = shownRow(file);
      view->table()->selectionModel()->select(row, QItemSelectionModel::Select | QItemSelectionModel::Rows);
    }
  }
  [[nodiscard]] QModelIndex shownRow(const QString& file, RunColumn column = RunColumn::Name) const {
    const auto* model = view->table()->model();
    for (int row = 0; row < model->rowCount(); ++row)
      if (model->index(row, 0).data(RunListModel::FileRole).toString() == file) return model->index(row, int(column));
    return {};
  }
  [[nodiscard]] QString shown(const QString& file, RunColumn column) const { return shownRow(file, column).data().toString(); }
  [[nodiscard]] QStringList order() const {
    QStringList files;
    const auto* model = view->table()->model();
    for (int row = 0; row < model->rowCount(); ++row) files << model->index(row, 0).data(RunListModel::FileRole).toString();
    return files;
  }
  void type(const QString& query) {
    auto* edit = view->findChild<QLineEdit*>("runFilter");
    edit->setText(query);
    QTest::keyClick(edit, Qt::Key_Return);
  }

  QTemporaryDir scratch;
  Settings settings;
  FakeDialogs dialogs;
  PageServices services;
  std::vector<Message> messages;
  JobRunner jobs;
  std::unique_ptr<RunListView> view;
};

}  // namespace

class TestRunList : public QObject {
  Q_OBJECT
 private slots:
  void init() { beStrict(); }

  void aListIsLoadedFilteredAndCounted() {
    List list;
    list.makeRuns(12);
    list.open();
    QCOMPARE(list.order().size(), 12);
    QCOMPARE(list.order().first(), "11.json");  // the last created
    auto* count = list.view->findChild<QLabel*>("runFilterCount");
    QCOMPARE(count->text(), "12 of 12");
    list.type("\"run 1\" epyc");
    QCOMPARE(count->text(), "3 of 12");
    list.view->findChild<QToolButton*>("runFilterRegex")->setChecked(true);
    list.type("^run 1$");
    QCOMPARE(list.order(), QStringList{"1.json"});
    list.type("(");
    QVERIFY(count->text().startsWith("✕ not a regular expression"));
    QVERIFY(list.messages.empty());
  }

  void anEmptyListSaysWhatWillBeThere() {
    List list;
    list.open();
    auto* stack = list.view->findChild<StateStack*>("runStack");
    QVERIFY(stack->words().startsWith("No runs yet"));
    QVERIFY(!stack->button()->isHidden());
    for (const char* name :
         {"runOpen", "runRename", "runNotes", "runDelete", "runUndoDelete", "runPinBaseline", "runCompare", "runExportCsv"})
      QVERIFY2(!list.enabled(name), name);
    writeRun(list.scratch.path(), "elsewhere.json", sampleRun(5));
    list.dialogs.file = list.scratch.filePath("elsewhere.json");
    stack->button()->click();
    list.wait();
    QCOMPARE(list.order(), QStringList{"elsewhere.json"});
    QVERIFY(stack->showsContent());
    QVERIFY(QFileInfo::exists(list.runs() + "/elsewhere.json"));
  }

  void whatIsWrongWithFilesIsSaid() {
    List list;
    list.makeRuns(1);
    writeBytes(list.runs() + "/bad.json", "{");
    list.open();
    QCOMPARE(list.messages.size(), 1u);
    QVERIFY(list.messages[0].text.startsWith("1 file is not readable: bad.json"));
    list.choose({"bad.json"});
    QVERIFY(!list.enabled("runOpen") && !list.enabled("runRename") && !list.enabled("runPinBaseline"));
    QVERIFY(list.enabled("runDelete"));
    list.dialogs.file = list.runs() + "/bad.json";
    list.trigger("runImport");
    QCOMPARE(list.messages.back().severity, Message::Severity::Error);
  }

  void runsAreRenamedInPlace() {
    List list;
    list.makeRuns(2);
    list.open();
    list.choose({"1.json"});
    list.trigger("runRename");
    auto* editor = list.view->table()->viewport()->findChild<QLineEdit*>();
    QVERIFY(editor);
    editor->setText("the fast one");
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_COMPARE(list.shown("1.json", RunColumn::Name), "the fast one");
    list.view->model()->setData(list.view->model()->index(list.view->model()->rowOf("1.json"), int(RunColumn::Notes)), "why");
    list.wait();
    const auto run = readRun((list.runs() + "/1.json").toStdString());
    QVERIFY(run);
    QCOMPARE(run->name, "the fast one");
    QCOMPARE(run->notes, "why");
    QFile::remove(list.runs() + "/0.json");
    list.view->model()->setData(list.view->model()->index(list.view->model()->rowOf("0.json"), int(RunColumn::Name)), "gone");
    list.wait();
    QCOMPARE(list.messages.back().severity, Message::Severity::Error);
  }

  void deletedRunsComeBack() {
    List list;
    list.makeRuns(4);
    RunListView& view = list.open();
    view.setBaseline("2.json");
    QSignalSpy baseline(&view, &RunListView::baselineChanged);
    list.choose({"1.json", "2.json"});
    list.trigger("runDelete");
    QCOMPARE(list.order(), (QStringList{"3.json", "0.json"}));
    QCOMPARE(list.messages.back().text, "Deleted 2 runs");
    QCOMPARE(baseline, (QList<QVariantList>{{""}}));
    list.choose({"0.json"});
    list.trigger("runDelete");
    list.trigger("runUndoDelete");
    QCOMPARE(list.order(), (QStringList{"3.json", "0.json"}));
    list.trigger("runUndoDelete");
    QCOMPARE(list.order(), (QStringList{"3.json", "2.json", "1.json", "0.json"}));
    QCOMPARE(view.baselineFile(), "2.json");
    QVERIFY(!list.enabled("runUndoDelete"));
  }

  void theBaselineIsRemembered() {
    List list;
    list.makeRuns(3);
    RunListView& view = list.open();
    QSignalSpy changed(&view, &RunListView::baselineChanged);
    list.choose({"0.json"});
    list.trigger("runPinBaseline");
    QCOMPARE(changed, (QList<QVariantList>{{"0.json"}}));
    QCOMPARE(list.shown("0.json", RunColumn::Baseline), "★");
    QCOMPARE(list.shown("2.json", RunColumn::LatencyMs), "4.80 (+20 %)");
    list.open();
    QCOMPARE(list.view->baselineFile(), "0.json");
    list.choose({"0.json"});
    list.trigger("runPinBaseline");  // again: unpins
    QCOMPARE(list.view->baselineFile(), "");
    QCOMPARE(list.shown("2.json", RunColumn::LatencyMs), "4.80");
  }

  void theBaselineComesFirstInComparisons() {
    List list;
    list.makeRuns(3);
    RunListView& view = list.open();
    QSignalSpy compared(&view, &RunListView::compareRequested);
    list.choose({"1.json"});
    QVERIFY(!list.enabled("runCompare"));
    list.choose({"2.json", "0.json"});
    list.trigger("runCompare");
    view.setBaseline("2.json");
    list.trigger("runCompare");
    list.choose({"1.json"});
    list.trigger("runCompare");
    QCOMPARE(compared,
             (QList<QVariantList>{
                 {QStringList{"0.json", "2.json"}}, {QStringList{"2.json", "0.json"}}, {QStringList{"2.json", "1.json"}}}));
    list.choose({"2.json"});
    QVERIFY(!list.enabled("runCompare"));
  }

  void runsAreOpenedAndRead() {
    List list;
    list.makeRuns(2);
    RunListView& view = list.open();
    QSignalSpy activated(&view, &RunListView::runActivated);
    list.choose({"1.json"});
    list.trigger("runOpen");
    QCOMPARE(activated, (QList<QVariantList>{{"1.json"}}));
    std::vector<std::string> names;
    view.readSelected([&](const Result<std::vector<BenchmarkRun>>& runs) {
      for (const BenchmarkRun& run : *runs) names.push_back(run.name);
    });
    bool failed = false;
    view.readRuns({"1.json", "no.json"}, [&](const Result<std::vector<BenchmarkRun>>& runs) { failed = !runs; });
    list.wait();
    QCOMPARE(names, std::vector<std::string>{"run 1"});
    QVERIFY(failed);
  }

  void aFinishedRunIsListedAndChosen() {
    List list;
    list.makeRuns(2);
    RunListView& view = list.open();
    const auto file = view.newRunFile("mine");
    QVERIFY(file);
    BenchmarkRun run = sampleRun(700);
    run.state = BenchmarkState::Running;
    writeRun(list.runs(), *file, run);
    view.runFinished(*file);
    list.wait();
    QCOMPARE(list.shown(*file, RunColumn::State), "partial");
    run.state = BenchmarkState::Complete;
    writeRun(list.runs(), *file, run);
    view.runFinished(*file);
    list.wait();
    QCOMPARE(list.shown(*file, RunColumn::State), "complete");
    QCOMPARE(view.selectedFiles(), QStringList{*file});
    view.reload();
    list.wait();
    QCOMPARE(list.order().size(), 3);
    QCOMPARE(view.selectedFiles(), QStringList{*file});
  }

  void shownRowsAreExported() {
    List list;
    list.makeRuns(3);
    RunListView& view = list.open();
    view.setBaseline("1.json");
    view.model()->setData(view.model()->index(view.model()->rowOf("1.json"), int(RunColumn::Notes)), "a \"b\", c");
    list.wait();
    list.type("\"run 1\"");
    list.dialogs.save = list.scratch.filePath("table");
    list.trigger("runExportCsv");
    QFile file(list.scratch.filePath("table.csv"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QList<QByteArray> lines = file.readAll().split('\n');
    QCOMPARE(lines.size(), 3);
    QVERIFY(lines[0].startsWith("file,name,created_utc,baseline,") && lines[0].contains(",peak_memory_bytes,"));
    QVERIFY2(lines[1].startsWith("1.json,run 1,2026-11-01T00:01:00Z,yes,chat-nf4,00aa,"), lines[1].constData());
    QVERIFY2(lines[1].contains(",yes,\"a \"\"b\"\", c\",,jit,plan,"), lines[1].constData());
    list.dialogs.save = list.scratch.filePath("no/such/folder/table.csv");
    list.trigger("runExportCsv");
    QCOMPARE(list.messages.back().severity, Message::Severity::Error);
  }

  void withoutADataFolderRunsAreListedAllTheSame() {
    List list(true);
    RunListView& view = list.open();
    QVERIFY(view.folder().isEmpty());
    QVERIFY(!view.newRunFile("x"));
    view.keepRun(sampleRun(1));
    view.keepRun(sampleRun(2, 2));
    list.wait();
    QCOMPARE(list.order().size(), 2);
    view.setBaseline(list.order().last());
    list.trigger("runDelete");
    QCOMPARE(list.order().size(), 1);
    list.trigger("runUndoDelete");
    QCOMPARE(list.order().size(), 2);
    view.reload();
    list.wait();
    QCOMPARE(list.order().size(), 2);
  }

  void nothingIsLostWhenTheFolderCannotBe() {
    List list;
    QDir().mkpath(list.services.dataFolder);
    writeBytes(list.runs(), "a file");
    RunListView& view = list.open();
    QCOMPARE(list.messages.size(), 1u);
    QCOMPARE(list.messages[0].severity, Message::Severity::Error);
    QVERIFY(!view.newRunFile("x"));
    view.keepRun(sampleRun(1));
    list.wait();
    QCOMPARE(list.order().size(), 1);
  }

  void columnsFitAndAreRemembered() {
    List list;
    list.makeRuns(12);
    RunListView& view = list.open();
    QHeaderView* header = view.table()->horizontalHeader();
    QVERIFY2(header->length() <= view.table()->viewport()->width(), qPrintable(QString::number(header->length())));
    header->resizeSection(1, 300);
    view.saveState(list.settings);
    view.resetLayout();
    QVERIFY(header->sectionSize(1) != 300);
    view.restoreState(list.settings);
    QCOMPARE(header->sectionSize(1), 300);
  }

  void keysWorkWhereTheKeyboardIs() {
    List list;
    list.makeRuns(3);
    RunListView& view = list.open();
    view.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&view));
    QSignalSpy activated(&view, &RunListView::runActivated);
    list.choose({"1.json"});
    auto* filter = view.findChild<QLineEdit*>("runFilter");
    filter->setFocus();
    filter->setText("run");
    for (const auto key : {Qt::Key_Home, Qt::Key_Delete, Qt::Key_Delete, Qt::Key_Delete, Qt::Key_Return})
      QTest::keyClick(filter, key);
    list.wait();
    QCOMPARE(filter->text(), "");
    QCOMPARE(list.order().size(), 3);
    QCOMPARE(activated.size(), 0);
    list.choose({"1.json"});
    view.table()->setFocus();
    QTest::keyClick(view.table(), Qt::Key_Return);
    QCOMPARE(activated.size(), 1);
    QTest::keyClick(view.table(), Qt::Key_F2);
    auto* editor = view.table()->viewport()->findChild<QLineEdit*>();
    QVERIFY(editor);
    editor->selectAll();
    for (const auto key : {Qt::Key_Delete, Qt::Key_X, Qt::Key_Return}) QTest::keyClick(editor, key);
    QTRY_COMPARE(list.shown("1.json", RunColumn::Name), "x");
    QCOMPARE(activated.size(), 1);
    list.choose({"1.json"});
    view.table()->setFocus();
    QTest::keyClick(view.table(), Qt::Key_Delete);
    list.wait();
    QCOMPARE(list.order(), (QStringList{"2.json", "0.json"}));
    QTest::keyClick(view.table(), Qt::Key_Z, Qt::ControlModifier);
    list.wait();
    QCOMPARE(list.order().size(), 3);
  }

  void aClickOnTheStarPins() {
    List list;
    list.makeRuns(2);
    RunListView& view = list.open();
    const auto click = [&] {
      const QRect star = view.table()->visualRect(list.shownRow("1.json", RunColumn::Baseline));
      QTest::mouseClick(view.table()->viewport(), Qt::LeftButton, {}, star.center());
    };
    click();
    QCOMPARE(view.baselineFile(), "1.json");
    click();
    QCOMPARE(view.baselineFile(), "");
  }

  void everyControlHasANameAndEveryActionAKey() {
    List list;
    list.open();
    for (QAction* action : list.view->listActions()) {
      QVERIFY(!action->objectName().isEmpty());
      QVERIFY2(!action->shortcuts().isEmpty(), qPrintable(action->objectName()));
      QVERIFY(!action->statusTip().isEmpty());
    }
    for (const QWidget* control : list.view->findChildren<QWidget*>()) {
      if (control->focusPolicy() == Qt::NoFocus || !control->isVisibleTo(list.view.get())) continue;
      if (control->objectName().startsWith("qt_")) continue;
      QVERIFY2(!control->objectName().isEmpty(), control->metaObject()->className());
    }
  }

  void itIsDrawnLightAndDark() {
    List list;
    list.makeRuns(12);
    BenchmarkRun failed = sampleRun(20);
    failed.state = BenchmarkState::Failed;
    failed.rows.clear();
    writeRun(list.runs(), "failed.json", failed);
    BenchmarkRun killed = sampleRun(21, 0.7);
    killed.name = "entropy, two lanes, prefetch";
    killed.notes = "fan off, third try";
    killed.state = BenchmarkState::Running;
    killed.rows[0].bitExact = false;
    writeRun(list.runs(), "killed.json", killed);
    writeBytes(list.runs() + "/bad.json", "{");
    const SystemLook look = systemLook();
    QList<QColor> backgrounds;
    for (const Theme theme : {Theme::Light, Theme::Dark}) {
      applyTheme(*qApp, theme, 100, look);
      list.open().setBaseline("3.json");
      list.choose({"5.json"});
      QCoreApplication::processEvents();
      const QImage picture = list.view->grab().toImage();
      backgrounds << picture.pixelColor(picture.width() - 3, picture.height() / 2);
      if (const QString folder = qEnvironmentVariable("DELTASCOPE_PICTURES"); !folder.isEmpty())
        picture.save(QDir(folder).filePath("runs-" + nameOf(theme) + ".png"));
      const auto* table = list.view->table();
      const int height = table->rowHeight(0), width = table->columnWidth(int(RunColumn::Device));
      applyTheme(*qApp, theme, 150, look);
      for (int i = 0; i < 3; ++i) QCoreApplication::processEvents();
      for (const auto* button : list.view->findChildren<QToolButton*>(QRegularExpression("^run.*Button$")))
        QVERIFY2(button->width() >= button->sizeHint().width(), qPrintable(button->objectName()));
      QVERIFY(table->rowHeight(0) > height * 5 / 4 && table->columnWidth(int(RunColumn::Device)) > width * 5 / 4);
      if (const QString folder = qEnvironmentVariable("DELTASCOPE_PICTURES"); !folder.isEmpty())
        list.view->grab().save(QDir(folder).filePath("runs-zoomed-" + nameOf(theme) + ".png"));
    }
    applyTheme(*qApp, Theme::Light, 100, look);
    QVERIFY(backgrounds[0].lightness() > 200 && backgrounds[1].lightness() < 80);
  }
};

QTEST_MAIN(TestRunList)
#include "test_run_list.moc"
