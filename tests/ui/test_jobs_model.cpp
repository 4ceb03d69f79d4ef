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
  void aQueuedJobSaysWhatItWaitsFor();
  void aLogTellsTheCourse();
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
  // The newest is on top.
  QTRY_COMPARE(shown(1, JobsModel::Done), QString("61 %"));
  QCOMPARE(shown(1, JobsModel::Title), QString("Pack a"));
  QCOMPARE(shown(1, JobsModel::StateColumn), QString("running"));
  QCOMPARE(shown(1, JobsModel::Phase), QString("packing"));
  QCOMPARE(shown(0, JobsModel::StateColumn), QString("queued"));
  QCOMPARE(shown(0, JobsModel::Phase), QString("waiting for “Pack a”"));
  QCOMPARE(model.index(1, JobsModel::Done).data(JobsModel::ShareRole).toDouble(), 0.61);
  QCOMPARE(model.index(0, JobsModel::Done).data(JobsModel::ShareRole).toDouble(), -1.0);
  QCOMPARE(model.rowOf(second), 0);
  runner.cancel(second);
  QTRY_COMPARE(shown(0, JobsModel::StateColumn), QString("cancelled"));
  gate.open = true;
  QTRY_COMPARE(shown(1, JobsModel::StateColumn), QString("failed"));
  QCOMPARE(shown(1, JobsModel::Phase), QString("out.safetensors: disk full"));
  QVERIFY(model.index(1, JobsModel::Phase).data(Qt::ToolTipRole).toString().contains("make room"));
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
  QTest::newRow("queued") << job << "waiting";
  job.waitsFor = "Pack chat";
  QTest::newRow("queued behind another") << job << "waiting for “Pack chat”";
  job.state = JobState::Running;
  QTest::newRow("nothing known") << job << "running";
  job.progress.bytesDone = 500'000'000;
  job.progress.bytesTotal = 1'000'000'000;
  job.progress.seconds = 5;
  QTest::newRow("halfway") << job << "50 %  ·  100 MB/s  ·  0:05 left";
  JobView bench = job;
  bench.progress = {};
  bench.progress.phase = "measuring";
  bench.progress.tensorsDone = 11;
  bench.progress.tensorsTotal = 1352;
  bench.progress.bytesDone = 345'000'000;
  bench.progress.bytesTotal = 1'000'000'000;
  bench.progress.seconds = 34.5;
  QTest::newRow("a benchmark") << bench << "measuring: tensor 12 of 1,352  ·  34 %  ·  10 MB/s  ·  1:06 left";
  bench.progress = {};
  bench.progress.phase = "opening";
  QTest::newRow("a phase alone") << bench << "opening";
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

/// What a queued job waits for changes when that one ends.
void TestJobsModel::aQueuedJobSaysWhatItWaitsFor() {
  JobRunner runner;
  JobsModel model(runner);
  Gate first, second;
  const auto none = [](const Result<int>&) {};
  const auto waiting = [](Gate& gate) {
    return [&gate](const JobContext& job) -> Result<int> {
      if (!gate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
      return 1;
    };
  };
  runner.start(JobSpec{"Pack a", "pack", JobLane::Work, {}}, waiting(first), &runner, none);
  runner.start(JobSpec{"Pack b", "pack", JobLane::Work, {}}, waiting(second), &runner, none);
  runner.start(JobSpec{"Measure", "benchmark", JobLane::Work, {}}, waiting(second), &runner, none);
  const auto words = [&](int row) { return summaryText(*model.viewAt(row)); };
  QTRY_COMPARE(words(2), QString("running"));
  QCOMPARE(words(1), QString("waiting for “Pack a”"));
  QCOMPARE(words(0), QString("waiting for “Pack b”"));
  runner.cancel(model.viewAt(1)->id);
  QTRY_COMPARE(words(0), QString("waiting for “Pack a”"));
  first.open = second.open = true;
  QTRY_VERIFY(runner.idle());
}

/// A log says when phases began and how far the job was.
void TestJobsModel::aLogTellsTheCourse() {
  JobRunner runner;
  const JobId id = runner.start(
      JobSpec{"Measure", "benchmark", JobLane::Work, {}},
      [](const JobContext& job) -> Result<int> {
        Progress progress;
        progress.phase = "opening";
        job.progress(progress);
        progress.phase = "measuring";
        progress.tensorsTotal = 1000;
        for (int i = 0; i <= 1000; ++i) {
          progress.tensorsDone = static_cast<std::uint64_t>(i);
          progress.bytesDone = static_cast<std::uint64_t>(i) * 1'000'000;
          progress.bytesTotal = 1'000'000'000;
          progress.seconds = i * 0.1;
          job.progress(progress);
        }
        return 1;
      },
      &runner, [](const Result<int>&) {});
  QTRY_VERIFY(runner.idle());
  QStringList log;
  const auto job = runner.job(id);
  for (const QString& line : job->log) log << line.mid(line.indexOf("  ") + 2);
  QCOMPARE(log.mid(0, 4), (QStringList{"queued", "started", "opening", "measuring"}));
  QCOMPARE(log[4], QString("10 %: 100 of 1,000 tensors, 10 MB/s, 1:30 left"));
  QCOMPARE(log.size(), 4 + 10 + 1);
  QVERIFY(log.last().startsWith("succeeded"));
}

void TestJobsModel::saysWhatAJobIsDoing() {
  QFETCH(JobView, job);
  QFETCH(QString, summary);
  QCOMPARE(summaryText(job), summary);
}

QTEST_GUILESS_MAIN(TestJobsModel)
#include "test_jobs_model.moc"
