// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QClipboard>
#include <QLabel>
#include <QPlainTextEdit>
#include <QTableView>

#include "tests/ui/frame_fixture.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestFrameJobs : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }

  void stripFollowsTheJobs() {
    Frame frame;
    MainWindow& window = frame.open();
    auto* title = frame.find<QLabel>("jobsStripTitle");
    auto* cancel = frame.find<QAbstractButton>("jobsStripCancel");
    QCOMPARE(title->text(), QString("none yet"));
    QVERIFY(cancel->isHidden());
    Gate gate;
    const auto work = [&gate](const JobContext& job) -> Result<int> {
      Progress progress;
      progress.bytesDone = 61;
      progress.bytesTotal = 100;
      job.progress(progress);
      if (!gate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
      return 1;
    };
    for (const char* name : {"One", "Two"})
      window.jobs().start(JobSpec{name, "test", JobLane::Work, {}}, work, &window, [](const Result<int>&) {});
    QTRY_COMPARE(title->text(), QString("One"));
    QTRY_COMPARE(frame.find<QLabel>("jobsStripSummary")->text(), QString("61 %"));
    QCOMPARE(frame.find<QAbstractButton>("jobsExpand")->text(), QString("Jobs (2)"));
    cancel->click();
    QTRY_COMPARE(title->text(), QString("Two"));
    gate.open = true;
    QTRY_VERIFY(frame.find<QLabel>("jobsStripSummary")->text().startsWith("succeeded in"));
    QCOMPARE(frame.find<QAbstractButton>("jobsExpand")->text(), QString("Jobs"));
    QVERIFY(cancel->isHidden());
  }

  void jobsTableCancelsAndOpensResults() {
    Frame frame;
    MainWindow& window = frame.open();
    frame.trigger("actionJobs");
    QVERIFY(frame.find("jobsDock")->isVisible());
    Gate gate;
    const auto work = [&gate](const JobContext& job) -> Result<int> {
      if (!gate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
      return 1;
    };
    const QString result = frame.model("made");
    const JobId first =
        window.jobs().start(JobSpec{"One", "test", JobLane::Work, result}, work, &window, [](const Result<int>&) {});
    const JobId second =
        window.jobs().start(JobSpec{"Two", "test", JobLane::Work, {}}, work, &window, [](const Result<int>&) {});
    auto* table = frame.find<QTableView>("jobsTable");
    table->selectRow(0);  // the newest is on top
    QVERIFY(!frame.find<QAction>("jobOpenResult")->isEnabled());
    frame.find<QAbstractButton>("jobCancelButton")->click();
    QTRY_COMPARE(window.jobs().job(second)->state, JobState::Cancelled);
    table->selectRow(1);
    gate.open = true;
    QTRY_COMPARE(window.jobs().job(first)->state, JobState::Succeeded);
    QTRY_VERIFY(frame.find<QAction>("jobOpenResult")->isEnabled());
    QVERIFY(frame.find<QPlainTextEdit>("jobLog")->toPlainText().contains("succeeded"));
    frame.trigger("jobCopyLog");
    QVERIFY(QGuiApplication::clipboard()->text().contains("queued"));
    QTest::keyClick(table, Qt::Key_Return);
    QTRY_COMPARE(window.session().path(), result);
    frame.trigger("jobsClear");
    QVERIFY(window.jobs().jobs().empty());
    frame.trigger("actionJobs");
    QVERIFY(frame.find("jobsDock")->isHidden());
  }

  void closingWithJobsAsks_data() {
    QTest::addColumn<bool>("quit");
    QTest::newRow("keep working") << false;
    QTest::newRow("cancel jobs and quit") << true;
  }

  void closingWithJobsAsks() {
    QFETCH(bool, quit);
    Frame frame;
    MainWindow& window = frame.open();
    window.openPath(frame.model("chat"));
    QTRY_VERIFY(window.session().model());
    frame.trigger("actionVerify");
    QTRY_COMPARE(frame.verifyGate.entered.load(), 1);
    frame.dialogs.answer = quit;
    QElapsedTimer timer;
    timer.start();
    window.close();
    QCOMPARE(frame.dialogs.asked.size(), 1);
    QVERIFY(frame.dialogs.asked.first().contains("A job is running."));
    if (!quit) {
      QVERIFY(window.isVisible());
      QCOMPARE(window.jobs().unfinished(), 1);
      frame.verifyGate.open = true;
      QTRY_COMPARE(window.jobs().unfinished(), 0);
      return;
    }
    QTRY_VERIFY(!window.isVisible());
    QVERIFY2(timer.elapsed() < 500, qPrintable(QString::number(timer.elapsed())));
    QCOMPARE(window.jobs().unfinished(), 0);
    QCOMPARE(frame.dialogs.asked.size(), 1);
  }
};

QTEST_MAIN(TestFrameJobs)
#include "test_frame_jobs.moc"
