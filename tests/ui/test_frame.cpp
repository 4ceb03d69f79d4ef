// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QClipboard>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>

#include "tests/ui/frame_fixture.h"
#include "ui/frame/message_bar.h"
#include "ui/frame/style.h"
#include "ui/frame/text.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestFrame : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void startsOnTheStartPage();
  void messageBarCopiesAndDismisses();
  void verifyStreamsVerdicts_data();
  void verifyStreamsVerdicts();
  void cancelledVerifyIsNotAVerdict();
  void verdictsOfAnotherModelStayAway();
  void unpacksIntoAChosenFolder();
  void pagesHaveShortcuts();
  void themesAndZoomReachEverything();
  void sessionComesBack();
  void resetLayoutHidesTheDock();
  void layoutFitsTheSmallestWindow();
  void theEventLoopKeepsTurning();

 private:
  static QString said(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message().text; }
};

void TestFrame::startsOnTheStartPage() {
  Frame frame;
  MainWindow& window = frame.open();
  QCOMPARE(window.currentPage(), QString("start"));
  QCOMPARE(window.windowTitle(), QString("Deltascope"));
  QVERIFY(frame.find("messageBar")->isHidden());
  QTRY_COMPARE(frame.find<QLabel>("statusCpu")->text(), QString("CPU · 2 threads"));
  QCOMPARE(frame.find<QLabel>("statusGpu")->text(), QString("GPU: none (no driver found)"));
  QCOMPARE(frame.find<QLabel>("statusMemory")->text(), QString("memory 1.00 of 24.00 GiB"));
  QCOMPARE(frame.find<QLabel>("statusVerdict")->text(), QString("no model open"));
  for (const char* action : {"actionVerify", "actionUnpack", "actionChooseBase", "actionCloseModel"})
    QVERIFY(!frame.find<QAction>(action)->isEnabled());
}

void TestFrame::messageBarCopiesAndDismisses() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("broken"));
  QTRY_VERIFY(frame.find("messageBar")->isVisible());
  auto* details = frame.find<QPlainTextEdit>("messageDetails");
  QVERIFY(details->isHidden());
  frame.find<QAbstractButton>("messageDetailsButton")->click();
  QVERIFY(details->isVisible());
  QVERIFY(details->toPlainText().contains("the file breaks its format's rules"));
  frame.find<QAbstractButton>("messageCopy")->click();
  QVERIFY(QGuiApplication::clipboard()->text().startsWith("Error: Could not open broken"));
  QVERIFY(QGuiApplication::clipboard()->text().contains("Copy it again"));
  frame.find<QAbstractButton>("messageDismiss")->click();
  QVERIFY(frame.find("messageBar")->isHidden());
}

void TestFrame::verifyStreamsVerdicts_data() {
  QTest::addColumn<QString>("differing");
  QTest::addColumn<QString>("status");
  QTest::addColumn<QString>("text");
  QTest::newRow("exact") << QString() << "✓ bit-exact: 4 of 4 tensors"
                         << "chat is bit-exact: 16,384 of 16,384 elements in 4 tensors";
  QTest::newRow("different") << "model.layers.0.mlp.up_proj.weight"
                             << "✕ 1 of 4 tensors differ"
                             << "chat is not bit-exact: 1 of 4 tensors differ";
}

void TestFrame::verifyStreamsVerdicts() {
  QFETCH(QString, differing);
  QFETCH(QString, status);
  QFETCH(QString, text);
  Frame frame;
  frame.differing = differing.toStdString();
  MainWindow& window = frame.open();
  window.openPath(frame.model("chat"));
  QTRY_VERIFY(window.session().model());
  std::size_t streamed = 0;
  bool ended = false;
  connect(&window.session(), &ModelSession::verdictsArrived, this, [&](const std::vector<Verdict>& verdicts) {
    QVERIFY(!ended);
    streamed += verdicts.size();
  });
  connect(&window.session(), &ModelSession::verifyEnded, this, [&] { ended = true; });
  frame.trigger("actionVerify");
  QCOMPARE(frame.find<QLabel>("statusVerdict")->text(), QString("… verifying 0 of 4"));
  QVERIFY(!frame.find<QAction>("actionVerify")->isEnabled());
  frame.verifyGate.open = true;
  QTRY_VERIFY(ended);
  QCOMPARE(streamed, std::size_t{4});
  QCOMPARE(frame.find<QLabel>("statusVerdict")->text(), status);
  QCOMPARE(said(frame), text);
  QVERIFY(frame.find<QAction>("actionVerify")->isEnabled());
  if (!differing.isEmpty())
    QVERIFY(frame.find<MessageBar>("messageBar")->message().details.contains(differing + ": 3 differ, first at 17"));
}

void TestFrame::cancelledVerifyIsNotAVerdict() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("chat"));
  QTRY_VERIFY(window.session().model());
  frame.trigger("actionVerify");
  QTRY_COMPARE(frame.verifyGate.entered.load(), 1);
  frame.trigger("jobCancel");
  QTRY_COMPARE(frame.find<QLabel>("statusVerdict")->text(), QString("– not verified"));
  QCOMPARE(said(frame), QString("Verifying chat: cancelled"));
}

void TestFrame::verdictsOfAnotherModelStayAway() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("first"));
  QTRY_VERIFY(window.session().model());
  int endings = 0;
  connect(&window.session(), &ModelSession::verifyEnded, this, [&] { ++endings; });
  frame.trigger("actionVerify");
  QTRY_COMPARE(frame.verifyGate.entered.load(), 1);
  window.openPath(frame.model("second"));
  QTRY_COMPARE(window.session().name(), QString("second"));
  frame.verifyGate.open = true;
  QTRY_VERIFY(window.jobs().idle());
  QCOMPARE(endings, 0);
  QCOMPARE(frame.find<QLabel>("statusVerdict")->text(), QString("– not verified"));
}

void TestFrame::unpacksIntoAChosenFolder() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("chat"));
  QTRY_VERIFY(window.session().model());
  frame.dialogs.folder = frame.model("out");
  frame.trigger("actionUnpack");
  QTRY_COMPARE(said(frame), QString("Wrote 4 tensors, 32.00 KiB, to ") + frame.model("out"));
  QCOMPARE(window.jobs().job(window.jobs().jobs().back())->spec.title, QString("Unpack chat → out"));
}

void TestFrame::pagesHaveShortcuts() {
  Frame frame;
  MainWindow& window = frame.open();
  int number = 1;
  for (const char* page : {"start", "payload", "pack", "benchmark", "chat"}) {
    const auto* action = frame.find<QAction>(QString("actionPage_") + page);
    QCOMPARE(action->shortcut(), QKeySequence(QString("Ctrl+%1").arg(number++)));
    frame.trigger(action->objectName());
    QCOMPARE(window.currentPage(), QString(page));
    QVERIFY(action->isChecked());
    auto* button = frame.find<QAbstractButton>("navigate_" + action->objectName());
    QVERIFY(button->isChecked());
  }
  frame.trigger("actionPage_pack");
  QVERIFY(frame.find<QAction>("actionPack")->isVisible());
  frame.trigger("actionPage_start");
  QVERIFY(!frame.find<QAction>("actionPack")->isVisible());  // its shortcut would act on a page that is not seen
}

void TestFrame::themesAndZoomReachEverything() {
  Frame frame;
  MainWindow& window = frame.open();
  for (const char* theme : {"Dark", "Light"}) {
    frame.trigger(QString("actionTheme") + theme);
    const ThemeColors& colors = QString(theme) == "Dark" ? darkColors() : lightColors();
    QTRY_COMPARE(window.palette().color(QPalette::Window), colors.window);
    QCOMPARE(frame.find("recentList")->palette().color(QPalette::Base), colors.base);
    QCOMPARE(frame.find("jobsTable")->palette().color(QPalette::Text), colors.text);
    QCOMPARE(frame.settings->get(setting::kTheme), QString(theme).toLower());
    QVERIFY(qobject_cast<CalmStyle*>(QApplication::style()));
  }
  const double before = frame.find("packFinalEdit")->font().pointSizeF();
  const auto headings = window.findChildren<TextLabel*>("heading");
  QVERIFY(headings.size() >= 4);
  const double headingBefore = headings.first()->font().pointSizeF();
  for (int i = 0; i < 3; ++i) frame.trigger("actionZoomIn");
  QCOMPARE(frame.settings->get(setting::kZoom), 130);
  QTRY_VERIFY(qFuzzyCompare(frame.find("packFinalEdit")->font().pointSizeF(), before * 1.3));
  QTRY_VERIFY(qFuzzyCompare(headings.first()->font().pointSizeF(), headingBefore * 1.3));
  QTRY_VERIFY(qFuzzyCompare(frame.find("packCommand")->font().pointSizeF(), before * 1.3));
  for (int i = 0; i < 20; ++i) frame.trigger("actionZoomOut");
  QCOMPARE(frame.settings->get(setting::kZoom), kMinZoom);
  frame.trigger("actionZoomReset");
  QTRY_VERIFY(qFuzzyCompare(frame.find("packFinalEdit")->font().pointSizeF(), before));
}

void TestFrame::sessionComesBack() {
  Frame frame;
  MainWindow* window = &frame.open();
  window->resize(1200, 700);
  frame.trigger("actionJobs");
  frame.trigger("actionPage_pack");
  frame.find<QLineEdit>("packFinalEdit")->setText("/somewhere");
  window->close();
  window = &frame.open();
  QCOMPARE(window->size(), QSize(1200, 700));
  QCOMPARE(window->currentPage(), QString("pack"));
  QVERIFY(frame.find("jobsDock")->isVisible());
  QVERIFY(frame.find<QAction>("actionJobs")->isChecked());
  QCOMPARE(frame.find<QLineEdit>("packFinalEdit")->text(), QString("/somewhere"));
}

void TestFrame::resetLayoutHidesTheDock() {
  Frame frame;
  frame.open();
  frame.trigger("actionJobs");
  QVERIFY(frame.find("jobsDock")->isVisible());
  frame.trigger("actionResetLayout");
  QVERIFY(frame.find("jobsDock")->isHidden());
}

void TestFrame::layoutFitsTheSmallestWindow() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("chat"));
  QTRY_VERIFY(window.session().model());
  frame.trigger("actionJobs");
  for (const char* page : {"start", "payload", "pack", "benchmark", "chat"}) {
    window.showPage(page);
    QCoreApplication::processEvents();
    const QSize needed = window.minimumSizeHint();
    QVERIFY2(needed.width() <= 1024, qPrintable(QString("%1 needs %2 px").arg(page).arg(needed.width())));
  }
  window.resize(1024, 640);
  QCoreApplication::processEvents();
  QCOMPARE(window.size(), QSize(1024, 640));
}

void TestFrame::theEventLoopKeepsTurning() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("chat"));
  QTRY_VERIFY(window.session().model());
  frame.trigger("actionVerify");
  QElapsedTimer gap;
  qint64 longest = 0;
  gap.start();
  QTimer timer;
  connect(&timer, &QTimer::timeout, this, [&] { longest = std::max(longest, gap.restart()); });
  timer.start(5);
  QTest::qWait(300);
  QVERIFY(window.session().verifying());
  QVERIFY2(longest < 150, qPrintable(QString::number(longest)));  // work that blocked the window would take the 300 ms
  frame.verifyGate.open = true;
  QTRY_VERIFY(window.jobs().idle());
}

QTEST_MAIN(TestFrame)
#include "test_frame.moc"
