// SPDX-License-Identifier: GPL-3.0-or-later
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QtTest>

#include "core/bench/bench.h"
#include "tests/ui/gated_jobs.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestJobCancel : public QObject {
  Q_OBJECT
 private slots:
  void init() { QTest::failOnWarning(QRegularExpression(".*")); }

  void aValueMayTellOfACancel_data() {
    QTest::addColumn<int>("ended");
    QTest::addColumn<int>("state");
    QTest::newRow("complete") << int(BenchmarkState::Complete) << int(JobState::Succeeded);
    QTest::newRow("cancelled") << int(BenchmarkState::Cancelled) << int(JobState::Cancelled);
    QTest::newRow("failed") << int(BenchmarkState::Failed) << int(JobState::Failed);
  }

  /// A benchmark gives what it measured also when it was stopped: that is no success.
  void aValueMayTellOfACancel() {
    QFETCH(int, ended);
    QFETCH(int, state);
    JobRunner runner;
    bool delivered = false;
    const JobId id = runner.start(
        named("a benchmark"),
        [ended](const JobContext&) -> Result<BenchmarkRun> {
          BenchmarkRun run;
          run.state = static_cast<BenchmarkState>(ended);
          run.reason = "the device vanished";
          return run;
        },
        this, [&](Result<BenchmarkRun>& run) { delivered = run && int(run->state) == ended; });
    QTRY_VERIFY(delivered);
    QCOMPARE(int(runner.job(id)->state), state);
    QCOMPARE(runner.job(id)->error.has_value(), state != int(JobState::Succeeded));
  }

  void cancelsAQueuedJobWithoutRunningIt() {
    JobRunner runner;
    Gate first, second;
    std::optional<ErrorCode> ended;
    runner.start(named("first"), waiting(first), &runner, [](const Result<int>&) {});
    const JobId queued =
        runner.start(named("second"), waiting(second), &runner, [&](const Result<int>& r) { ended = r.error().code; });
    QTRY_COMPARE(first.entered.load(), 1);
    runner.cancel(queued);
    QCOMPARE(runner.job(queued)->state, JobState::Cancelled);
    QTRY_VERIFY(ended);
    QCOMPARE(*ended, ErrorCode::Cancelled);
    first.open = true;
    QTRY_VERIFY(runner.idle());
    QCOMPARE(second.entered.load(), 0);
  }

  void cancelsARunningJobQuickly() {
    JobRunner runner;
    Gate gate;
    bool delivered = false;
    const JobId id = runner.start(named("a"), waiting(gate), &runner, [&](const Result<int>&) { delivered = true; });
    QTRY_COMPARE(gate.entered.load(), 1);
    QElapsedTimer timer;
    timer.start();
    runner.cancel(id);
    QVERIFY(runner.job(id)->cancelling || runner.job(id)->state == JobState::Cancelled);
    while (!delivered && timer.elapsed() < 2000) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 10);
#ifdef __SANITIZE_THREAD__
    constexpr qint64 kLimitMs = 2000;  // the sanitizer stops the world to look up a suppressed report of Qt's
#else
    constexpr qint64 kLimitMs = 200;
#endif
    QVERIFY2(timer.elapsed() < kLimitMs, qPrintable(QString::number(timer.elapsed())));
    QCOMPARE(runner.job(id)->state, JobState::Cancelled);
    QVERIFY(!runner.job(id)->cancelling);
  }

  void cancellingTwiceDeliversOnce() {
    JobRunner runner;
    Gate gate;
    int deliveries = 0;
    const JobId id = runner.start(named("a"), waiting(gate), &runner, [&](const Result<int>&) { ++deliveries; });
    QTRY_COMPARE(gate.entered.load(), 1);
    runner.cancel(id);
    runner.cancel(id);
    QTRY_VERIFY(runner.idle());
    runner.cancel(id);
    QTest::qWait(100);
    QCOMPARE(deliveries, 1);
    QCOMPARE(runner.job(id)->log.filter("cancelling").size(), 1);
  }

  void aJobThatFinishesAllTheSameHasSucceeded() {
    JobRunner runner;
    Gate gate;
    std::optional<int> value;
    const JobId id = runner.start(
        named("deaf"),
        [&gate](const JobContext&) -> Result<int> {
          (void)gate.wait({});
          return 5;
        },
        &runner, [&](const Result<int>& result) { value = result.value(); });
    QTRY_COMPARE(gate.entered.load(), 1);
    runner.cancel(id);
    QVERIFY(runner.job(id)->cancelling);
    gate.open = true;
    QTRY_COMPARE(value, std::optional(5));
    QCOMPARE(runner.job(id)->state, JobState::Succeeded);
  }

  void cancelAllStartsNothingNew() {
    JobRunner runner;
    Gate gate;
    int cancelled = 0;
    QSignalSpy idle(&runner, &JobRunner::becameIdle);
    for (int i = 0; i < 4; ++i)
      runner.start(named("w"), waiting(gate), &runner,
                   [&](const Result<int>& r) { cancelled += !r && r.error().code == ErrorCode::Cancelled; });
    QTRY_COMPARE(gate.entered.load(), 1);
    runner.cancelAll();
    QTRY_COMPARE(cancelled, 4);
    QTRY_COMPARE(idle.size(), 1);
    QCOMPARE(gate.entered.load(), 1);
    QCOMPARE(runner.unfinished(), 0);
  }
};

QTEST_GUILESS_MAIN(TestJobCancel)
#include "test_job_cancel.moc"
