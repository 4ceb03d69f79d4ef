// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAccessible>
#include <QApplication>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSplitter>
#include <QTabWidget>
#include <QToolButton>
#include <QtTest>

#include "tests/ui/payload_bench.h"
#include "tests/ui/warnings.h"
#include "ui/charts/heat_map_view.h"
#include "ui/charts/view.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/frame/theme.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/payload_page.h"
#include "ui/payload/state_stack.h"
#include "ui/payload/tensor_detail.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"
#include "ui/payload/tensor_view.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

constexpr const char* kQ = "model.layers.3.self_attn.q_proj.weight";
constexpr const char* kV = "model.layers.5.self_attn.v_proj.weight";

}  // namespace

class TestPayloadPage : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
  }
  void init() { failOnAnyWarning(); }

  void withoutAModelItSaysWhatWillBeHere() {
    Bench bench;
    auto* state = bench.find<StateStack>("payloadState");
    QVERIFY(!state->showsContent());
    QVERIFY(state->words().startsWith("The tensors of the open model will be here"));
    QSignalSpy asked(bench.page.get(), &Page::openDialogRequested);
    state->button()->click();
    QCOMPARE(asked.size(), 1);
    QVERIFY(!bench.action("exportTable")->isEnabled());
    bench.open();
    QVERIFY(state->showsContent());
    QVERIFY(bench.action("exportTable")->isEnabled());
    bench.page->closeModel();
    QVERIFY(!state->showsContent());
  }

  void theSummaryAndTheCountAreShown() {
    Bench bench;
    bench.open();
    QCOMPARE(bench.text("summary"), summaryText(*bench.generated.model));
    QCOMPARE(bench.text("filterCount"), "74 of 74");
    QCOMPARE(bench.text("verdict"), "bit-exact: not verified");
  }

  void choosingARowMarksItsCell() {
    Bench bench;
    bench.open();
    const int tensor = bench.tensor(kQ);
    bench.table()->selectTensors({tensor});
    QCOMPARE(bench.heatMap()->markedCells(), std::set<int>{bench.cellOf(tensor)});
    QCOMPARE(bench.detail()->tensorName(), kQ);
  }

  void choosingACellSelectsItsRow() {
    Bench bench;
    bench.open();
    QVERIFY(QTest::qWaitForWindowExposed(bench.page.get()));
    const int tensor = bench.tensor(kV);
    QTest::mouseClick(bench.heatMap()->viewport(), Qt::LeftButton, {},
                      bench.heatMap()->cellRect(bench.cellOf(tensor)).center());
    QCOMPARE(bench.table()->selectedTensors(), QList<int>{tensor});
    QCOMPARE(bench.detail()->tensorName(), kV);
    QTest::keyClick(bench.heatMap(), Qt::Key_Up);
    QCOMPARE(bench.table()->selectedTensors(), QList<int>{bench.tensor("model.layers.4.self_attn.v_proj.weight")});
  }

  void aFilteredCellIsSaidToBeFiltered() {
    Bench bench;
    bench.open();
    QVERIFY(QTest::qWaitForWindowExposed(bench.page.get()));
    auto* edit = bench.find<QLineEdit>("filter");
    QTest::keyClicks(edit, "q_proj");
    QTest::keyClick(edit, Qt::Key_Return);
    QCOMPARE(bench.text("filterCount"), "8 of 74");
    const int tensor = bench.tensor(kV);
    QTest::mouseClick(bench.heatMap()->viewport(), Qt::LeftButton, {},
                      bench.heatMap()->cellRect(bench.cellOf(tensor)).center());
    QCOMPARE(bench.text("filterCount"), "8 of 74 · the chosen one is filtered out");
    QCOMPARE(bench.detail()->tensorName(), kV);
    QVERIFY(bench.table()->selectedTensors().isEmpty());
  }

  void aBadExpressionIsExplainedBesideTheBox() {
    Bench bench;
    bench.open();
    bench.find<QToolButton>("filterRegex")->setChecked(true);
    auto* edit = bench.find<QLineEdit>("filter");
    QTest::keyClicks(edit, "[");
    QTest::keyClick(edit, Qt::Key_Return);
    QVERIFY(bench.text("filterCount").startsWith("✕ not a regular expression: "));
    edit->clear();
    QTRY_COMPARE(bench.text("filterCount"), "74 of 74");
  }

  void theMetricColoursTheHeatMap() {
    Bench bench;
    bench.open();
    QCOMPARE(bench.heatMap()->chart().valueLabel, "bits/weight");
    auto* metric = bench.find<QComboBox>("metric");
    metric->setCurrentIndex(metric->findData("sparsity"));
    QCOMPARE(bench.heatMap()->chart().valueLabel, "sparsity");
    QCOMPARE(bench.heatMap()->chart().high, 1.0);
  }

  void closeUpsFillTheTabs() {
    Bench bench;
    bench.open();
    bench.table()->selectTensors({bench.tensor(kQ)});
    QTRY_COMPARE(bench.detail()->charts().size(), 4);
    QVERIFY(bench.find<StateStack>("histogramState")->showsContent());
    QVERIFY(!isEmpty(bench.find<ChartView>("histogram")->chart()));
    QCOMPARE(bench.text("detailName"), kQ);
    // Looking again asks no one.
    const int asked = bench.generated.closeUps;
    bench.table()->selectTensors({bench.tensor(kV)});
    QTRY_COMPARE(int(bench.generated.closeUps), asked + 1);
    QTRY_COMPARE(bench.detail()->charts().size(), 4);
    bench.table()->selectTensors({bench.tensor(kQ)});
    QCOMPARE(bench.detail()->charts().size(), 4);
    QCOMPARE(int(bench.generated.closeUps), asked + 1);
  }

  void anotherChoiceCancelsTheCloseUp() {
    Bench bench;
    bench.open();
    bench.generated.pause = true;
    bench.table()->selectTensors({bench.tensor(kQ)});
    QTRY_COMPARE(int(bench.generated.closeUps), 1);
    QTRY_COMPARE(bench.find<StateStack>("histogramState")->words(), "Measuring the delta …");
    QCOMPARE(bench.detail()->charts().size(), 0);
    bench.generated.pause = false;
    bench.table()->selectTensors({bench.tensor(kV)});
    QTRY_COMPARE(bench.detail()->charts().size(), 4);
    QCOMPARE(bench.text("detailName"), kV);
    QTRY_VERIFY(bench.jobs.idle());
  }

  void aStopReachesTheCloseUp() {
    Bench bench;
    bench.open();
    bench.generated.pause = true;
    bench.table()->selectTensors({bench.tensor(kQ)});
    QTRY_COMPARE(int(bench.generated.closeUps), 1);
    bench.table()->clearSelection();
    QTRY_COMPARE(int(bench.generated.cancelled), 1);
    QCOMPARE(bench.find<StateStack>("detailState")->words(), "Choose a tensor to see its delta.");
  }

  void aFailedCloseUpSaysWhy() {
    Bench bench;
    bench.engine.closeUp = [](const auto&, const auto&, const auto&, std::uint64_t,
                              const JobContext&) -> Result<TensorCloseUp> {
      return fail(ErrorCode::Corrupt, "a.safetensors, tensor q, offset 12: bad chunk", "download it again");
    };
    bench.open();
    bench.table()->selectTensors({bench.tensor(kQ)});
    QTRY_COMPARE(bench.find<StateStack>("mapState")->words(),
                 "The delta could not be measured: a.safetensors, tensor q, offset 12: bad chunk. download it again");
  }

  void aPayloadWithoutItsBaseOffersToChooseIt() {
    Bench bench(generatedModel(2, ModelFiles::Kind::Payload));
    bench.open();
    bench.table()->selectTensors({bench.tensor("model.layers.1.self_attn.q_proj.weight")});
    auto* state = bench.find<StateStack>("histogramState");
    QVERIFY(state->words().contains("without one"));
    QSignalSpy asked(bench.page.get(), &Page::chooseBaseRequested);
    state->button()->click();
    QCOMPARE(asked.size(), 1);
    QCOMPARE(int(bench.generated.closeUps), 0);
  }

  void aCheckpointShowsSizesAlone() {
    Bench bench(generatedModel(2, ModelFiles::Kind::Checkpoint));
    bench.open();
    QVERIFY(!bench.table()->isColumnShown(Column::Sparsity));
    QVERIFY(!bench.find<QPushButton>("verify")->isVisible());
    QCOMPARE(bench.find<QComboBox>("metric")->count(), 1);
    bench.table()->selectTensors({3});
    auto* tabs = bench.find<QTabWidget>("detailTabs");
    QVERIFY(!tabs->isTabVisible(TensorDetail::kHistogram));
    QVERIFY(tabs->isTabVisible(TensorDetail::kFacts));
    QTest::qWait(200);
    QCOMPARE(int(bench.generated.closeUps), 0);
  }

  void verdictsArriveOneByOne() {
    Bench bench;
    bench.open();
    QSignalSpy asked(bench.page.get(), &Page::verifyRequested);
    auto* verify = bench.find<QPushButton>("verify");
    verify->click();
    QCOMPARE(asked.size(), 1);
    bench.page->verifyStarted();
    QVERIFY(!verify->isEnabled());
    QCOMPARE(bench.text("verdict"), "⟳ verifying: 0 of 74");
    const auto result = *bench.engine.verify({}, {});
    bench.page->addVerdicts({result.verdicts.begin(), result.verdicts.begin() + 10});
    QCOMPARE(bench.text("verdict"), "⟳ verifying: 10 of 74");
    bench.page->verifyFinished(result);
    QCOMPARE(bench.text("verdict"), "✓ bit-exact: 74 of 74 tensors");
    QVERIFY(verify->isEnabled());
  }

  void aDifferenceIsCounted() {
    Bench bench;
    bench.generated.differing = kQ;
    bench.open();
    bench.page->verifyStarted();
    bench.page->verifyFinished(bench.engine.verify({}, {}));
    QCOMPARE(bench.text("verdict"), "✕ 1 of 74 tensors differ");
    auto* edit = bench.find<QLineEdit>("filter");
    QTest::keyClicks(edit, "differ");
    QTest::keyClick(edit, Qt::Key_Return);
    QCOMPARE(bench.text("filterCount"), "1 of 74");
  }

  void aCancelledVerificationKeepsWhatItFound() {
    Bench bench;
    bench.open();
    bench.page->verifyStarted();
    const auto result = *bench.engine.verify({}, {});
    bench.page->addVerdicts({result.verdicts.begin(), result.verdicts.begin() + 10});
    bench.page->verifyFinished(fail(ErrorCode::Cancelled, "cancelled"));
    QCOMPARE(bench.text("verdict"), "– bit-exact so far: 10 of 74 tensors, not finished");
  }

  void theLayoutIsRemembered() {
    QByteArray columns;
    Bench bench;
    bench.open();
    bench.action("groupByLayer")->setChecked(false);
    bench.action("showHeatMap")->setChecked(false);
    bench.table()->setColumnWanted(Column::Codec, false);
    bench.find<QComboBox>("metric")->setCurrentIndex(2);
    bench.detail()->setCurrentTab(TensorDetail::kFacts);
    bench.detail()->setLogScale(true);
    bench.page->saveState(bench.settings);

    PayloadPage other({&bench.engine, &bench.jobs, &bench.settings, &bench.dialogs});
    other.restoreState(bench.settings);
    other.openModel(bench.generated.model);
    QVERIFY(!other.findChild<QAction*>("groupByLayer")->isChecked());
    QVERIFY(other.findChild<HeatMapView*>("heatMap")->isHidden());
    QVERIFY(!other.findChild<TensorView*>("tensorTable")->isColumnShown(Column::Codec));
    QCOMPARE(other.findChild<QComboBox*>("metric")->currentIndex(), 2);
    QCOMPARE(other.findChild<TensorDetail*>("tensorDetail")->currentTab(), int(TensorDetail::kFacts));
    QVERIFY(other.findChild<TensorDetail*>("tensorDetail")->logScale());
    other.resetLayout();
    QVERIFY(!other.findChild<HeatMapView*>("heatMap")->isHidden());
    QVERIFY(other.findChild<TensorView*>("tensorTable")->isColumnShown(Column::Codec));
  }

  void panesKeepTheirShareUntilTheyAreMoved() {
    Bench bench;
    bench.open();
    auto* across = bench.find<QSplitter>("acrossSplitter");
    const auto share = [&] { return 100 * across->sizes()[0] / (across->sizes()[0] + across->sizes()[1]); };
    QCOMPARE(share(), 66);
    bench.page->resize(1800, 900);
    QTRY_COMPARE(share(), 66);
    bench.page->saveState(bench.settings);
    QVERIFY(bench.settings.get(setting::kPayloadSplitter).isEmpty());
    QVERIFY(QTest::qWaitForWindowExposed(bench.page.get()));
    const QPoint handle = across->handle(1)->rect().center();
    QTest::mousePress(across->handle(1), Qt::LeftButton, {}, handle);
    QTest::mouseMove(across->handle(1), handle - QPoint(200, 0));
    QTest::mouseRelease(across->handle(1), Qt::LeftButton, {}, handle);
    QVERIFY(share() < 66);
    const int moved = across->sizes()[0];
    bench.page->saveState(bench.settings);
    PayloadPage other({&bench.engine, &bench.jobs, &bench.settings, &bench.dialogs});
    other.resize(bench.page->size());
    other.openModel(bench.generated.model);
    other.show();
    other.restoreState(bench.settings);
    QTRY_COMPARE(other.findChild<QSplitter*>("acrossSplitter")->sizes()[0], moved);
  }

  void selectionSurvivesGrouping() {
    Bench bench;
    bench.open();
    const int tensor = bench.tensor(kQ);
    bench.table()->selectTensors({tensor});
    bench.action("groupByLayer")->setChecked(false);
    QCOMPARE(bench.table()->selectedTensors(), QList<int>{tensor});
    bench.action("groupByLayer")->setChecked(true);
    QCOMPARE(bench.table()->selectedTensors(), QList<int>{tensor});
  }

  void actionsHaveTextsTipsAndUniqueKeys() {
    Bench bench;
    const PageActions actions = bench.page->pageActions();
    QSet<QString> keys;
    for (const auto& list : {actions.file, actions.view, actions.run})
      for (const QAction* action : list) {
        QVERIFY(!action->text().isEmpty() && !action->statusTip().isEmpty() && !action->objectName().isEmpty());
        QVERIFY2(action->text().contains('&'), qPrintable(action->text()));
        QVERIFY2(!keys.contains(action->shortcut().toString()), qPrintable(action->text()));
        keys.insert(action->shortcut().toString());
      }
  }

  void everyControlHasAName() {
    Bench bench;
    bench.open();
    for (QWidget* widget : bench.page->findChildren<QWidget*>()) {
      if (!widget->isVisible() || widget->focusPolicy() == Qt::NoFocus || widget->objectName().startsWith("qt_")) continue;
      QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
      if (!interface || interface->role() == QAccessible::Splitter) continue;
      const bool named = !interface->text(QAccessible::Name).isEmpty();
      if (!named) qInfo() << widget;
      QVERIFY2(named, qPrintable(widget->metaObject()->className() + QString(" ") + widget->objectName()));
    }
  }

  void narrowWindowsKeepEverythingInReach() {
    Bench bench;
    bench.open();
    QVERIFY2(bench.page->minimumSizeHint().width() <= 930, qPrintable(QString::number(bench.page->minimumSizeHint().width())));
    QVERIFY2(bench.page->minimumSizeHint().height() <= 480,
             qPrintable(QString::number(bench.page->minimumSizeHint().height())));
  }
};

QTEST_MAIN(TestPayloadPage)
#include "test_payload_page.moc"
