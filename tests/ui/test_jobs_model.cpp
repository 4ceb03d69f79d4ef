// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>

#include "tests/ui/gate.h"
#include "ui/jobs/job_text.h"
#include "ui/jobs/jobs_model.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestJobsModel : public QObject {
  Q_OBJECT
 private slots:
  void init() { QTest::failOnWarning(QRegularExpression(".*")); }
  void followsTheRunner();
  void saysWhatAJobIsDoing_data();
  void saysWhatAJobIsDoing();
};

void TestJobsModel::followsTheRunner() {
  JobRunner runner;
  JobsModel model(runner);
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
  Gate gate;
  const auto work = [&gate](const JobContext& job) -> Result<int> {
    Progress progress;
    progress.phase = "packing";
    progress.bytesDone = 61;
    progress.bytesTotal = 100;
    job.progress(progress);
    if (!gate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
    return fail(ErrorCode::DiskFull, "out.safetensors: disk full", "make room");
  };
  const auto none = [](const Result<int>&) {};
  const JobId first = runner.start(JobSpec{"Pack a", "pack", JobLane::Work, {}}, work, &runner, none);
  const JobId second = runner.start(JobSpec{"Pack b", "pack", JobLane::Work, {}}, work, &runner, none);
  QCOMPARE(model.rowCount(), 2);
  const auto shown = [&](int row, JobsModel::Column column) { return model.index(row, column).data().toString(); };
  QTRY_COMPARE(shown(0, JobsModel::Done), QString("61 %"));
  QCOMPARE(shown(0, JobsModel::Title), QString("Pack a"));
  QCOMPARE(shown(0, JobsModel::StateColumn), QString("running"));
  QCOMPARE(shown(0, JobsModel::Phase), QString("packing"));
  QCOMPARE(shown(1, JobsModel::StateColumn), QString("queued"));
  QCOMPARE(model.index(0, JobsModel::Done).data(JobsModel::ShareRole).toDouble(), 0.61);
  QCOMPARE(model.index(1, JobsModel::Done).data(JobsModel::ShareRole).toDouble(), -1.0);
  QCOMPARE(model.rowOf(second), 1);
  runner.cancel(second);
  QTRY_COMPARE(shown(1, JobsModel::StateColumn), QString("cancelled"));
  gate.open = true;
  QTRY_COMPARE(shown(0, JobsModel::StateColumn), QString("failed"));
  QCOMPARE(shown(0, JobsModel::Phase), QString("out.safetensors: disk full"));
  QVERIFY(model.index(0, JobsModel::Phase).data(Qt::ToolTipRole).toString().contains("make room"));
  QTRY_VERIFY(runner.idle());
  runner.clearFinished();
  QCOMPARE(model.rowCount(), 0);
  QCOMPARE(model.rowOf(first), -1);
  for (int column = 0; column < JobsModel::ColumnCount; ++column) {
    QVERIFY(!model.headerData(column, Qt::Horizontal).toString().isEmpty());
    QVERIFY(!model.headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString().isEmpty());
  }
}

void TestJobsModel::saysWhatAJobIsDoing_data() {
  QTest::addColumn<JobView>("job");
  QTest::addColumn<QString>("summary");
  JobView job;
  QTest::newRow("queued") << job << "waiting for the job before it";
  job.state = JobState::Running;
  QTest::newRow("nothing known") << job << "running";
  job.progress.bytesDone = 500'000'000;
  job.progress.bytesTotal = 1'000'000'000;
  job.progress.seconds = 5;
  QTest::newRow("halfway") << job << "50 %  ·  100 MB/s  ·  0:05 left";
  job.cancelling = true;
  QTest::newRow("cancelling") << job << "cancelling";
  job.cancelling = false;
  job.state = JobState::Succeeded;
  job.seconds = 0.44;
  QTest::newRow("succeeded at once") << job << "succeeded in 440 ms";
  job.seconds = 42;
  QTest::newRow("succeeded") << job << "succeeded in 0:42";
  job.state = JobState::Failed;
  QTest::newRow("failed") << job << "failed";
  job.state = JobState::Cancelled;
  QTest::newRow("cancelled") << job << "cancelled";
}

void TestJobsModel::saysWhatAJobIsDoing() {
  QFETCH(JobView, job);
  QFETCH(QString, summary);
  QCOMPARE(summaryText(job), summary);
}

QTEST_GUILESS_MAIN(TestJobsModel)
#include "test_jobs_model.moc"
