// SPDX-License-Identifier: GPL-3.0-or-later
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QtTest>
#include <stdexcept>

#include "core/bench/bench.h"
#include "tests/ui/gated_jobs.h"
#include "ui/jobs/batcher.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestJobRunner : public QObject {
  Q_OBJECT
 private slots:
  void init() { QTest::failOnWarning(QRegularExpression(".*")); }
  void deliversOnceOnTheOwnersThread();
  void carriesErrorsAndExceptions_data();
  void carriesErrorsAndExceptions();
  void runsWorkOneAtATimeInOrder();
  void backgroundDoesNotWaitForWork();
  void backgroundIsNotListed();
  void throttlesProgress();
  void logsPhasesAndLines();
  void capsTheLog();
  void destructionCancelsAndWaits();
  void nothingIsDeliveredToADeadContext();
  void clearFinishedKeepsTheOthers();
  void startAfterShutdownDoesNothing();
  void postedFunctionsRunInOrderBeforeTheEnd();
  void nothingIsPostedToADeadContext();
  void batcherHandsOverEverythingInOrder();
};

void TestJobRunner::deliversOnceOnTheOwnersThread() {
  JobRunner runner;
  int deliveries = 0;
  QThread* where = nullptr;
  const JobId id = runner.start(
      named("a"), [](const JobContext&) -> Result<int> { return 42; }, &runner,
      [&](Result<int>& result) {
        ++deliveries;
        where = QThread::currentThread();
        QCOMPARE(result.value(), 42);
      });
  QVERIFY(id != 0);
  QTRY_COMPARE(deliveries, 1);
  QCOMPARE(where, QThread::currentThread());
  QTRY_VERIFY(runner.idle());
  QTest::qWait(120);
  QCOMPARE(deliveries, 1);
  QCOMPARE(runner.job(id)->state, JobState::Succeeded);
}

void TestJobRunner::carriesErrorsAndExceptions_data() {
  QTest::addColumn<int>("how");
  QTest::addColumn<int>("code");
  QTest::addColumn<QString>("text");
  QTest::newRow("error") << 0 << static_cast<int>(ErrorCode::DiskFull) << "no room";
  QTest::newRow("exception") << 1 << static_cast<int>(ErrorCode::Internal) << "thrown";
  QTest::newRow("bad_alloc") << 2 << static_cast<int>(ErrorCode::OutOfMemory) << "not enough memory";
  QTest::newRow("not an exception") << 3 << static_cast<int>(ErrorCode::Internal) << "unknown exception";
}

void TestJobRunner::carriesErrorsAndExceptions() {
  QFETCH(int, how);
  QFETCH(int, code);
  QFETCH(QString, text);
  JobRunner runner;
  std::optional<Error> error;
  const JobId id = runner.start(
      named("a"),
      [how](const JobContext&) -> Result<int> {
        if (how == 1) throw std::runtime_error("thrown");
        if (how == 2) throw std::bad_alloc();
        if (how == 3) throw 7;
        return fail(ErrorCode::DiskFull, "no room");
      },
      &runner, [&](const Result<int>& result) { error = result.error(); });
  QTRY_VERIFY(error);
  QCOMPARE(static_cast<int>(error->code), code);
  QCOMPARE(QString::fromStdString(error->message), text);
  QCOMPARE(runner.job(id)->state, JobState::Failed);
  QVERIFY(runner.job(id)->log.last().contains(text));
}

void TestJobRunner::runsWorkOneAtATimeInOrder() {
  JobRunner runner;
  std::atomic<int> running{0}, most{0};
  QList<int> order;
  for (int i = 0; i < 5; ++i)
    runner.start(
        named(QString::number(i)),
        [&, i](const JobContext&) -> Result<int> {
          most = std::max(most.load(), ++running);
          std::this_thread::sleep_for(std::chrono::milliseconds(3));
          --running;
          return i;
        },
        &runner, [&](const Result<int>& result) { order << *result; });
  QTRY_COMPARE(order.size(), 5);
  const QList<int> expected{0, 1, 2, 3, 4};
  QCOMPARE(order, expected);
  QCOMPARE(most.load(), 1);
}

void TestJobRunner::backgroundDoesNotWaitForWork() {
  JobRunner runner;
  Gate gate;
  bool answered = false;
  runner.start(named("long"), waiting(gate), &runner, [](const Result<int>&) {});
  runner.start(
      named("short", JobLane::Background), [](const JobContext&) -> Result<int> { return 1; }, &runner,
      [&](const Result<int>&) { answered = true; });
  QTRY_VERIFY(answered);
  gate.open = true;
  QTRY_VERIFY(runner.idle());
}

void TestJobRunner::backgroundIsNotListed() {
  JobRunner runner;
  Gate gate;
  QSignalSpy added(&runner, &JobRunner::added), finished(&runner, &JobRunner::finished);
  const JobId id = runner.start(named("b", JobLane::Background), waiting(gate), &runner, [](const Result<int>&) {});
  QVERIFY(runner.jobs().empty());
  QCOMPARE(runner.unfinished(), 0);
  QVERIFY(!runner.idle());
  gate.open = true;
  QTRY_VERIFY(runner.idle());
  QVERIFY(added.isEmpty());
  QVERIFY(finished.isEmpty());
  QVERIFY(!runner.job(id));
}

void TestJobRunner::throttlesProgress() {
  JobRunner runner;
  QElapsedTimer timer;
  timer.start();
  int changes = 0;
  connect(&runner, &JobRunner::changed, this, [&] { ++changes; });
  bool done = false;
  const JobId id = runner.start(
      named("a"),
      [](const JobContext& job) -> Result<int> {
        Progress progress;
        progress.phase = "working";
        progress.bytesTotal = 1'000'000;
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
        while (std::chrono::steady_clock::now() < end) {
          progress.bytesDone = std::min(progress.bytesTotal, progress.bytesDone + 10);
          job.progress(progress);
        }
        progress.bytesDone = progress.bytesTotal;
        job.progress(progress);
        return 1;
      },
      &runner, [&](const Result<int>&) { done = true; });
  QTRY_VERIFY(done);
  const double seconds = double(timer.elapsed()) / 1000;
  QVERIFY2(changes >= 2, qPrintable(QString::number(changes)));
  QVERIFY2(changes <= 20 * seconds + 4, qPrintable(QString::number(changes)));  // start and end come besides the 20 Hz
  QCOMPARE(runner.job(id)->progress.bytesDone, std::uint64_t{1'000'000});
}

void TestJobRunner::logsPhasesAndLines() {
  JobRunner runner;
  const JobId id = runner.start(
      named("a"),
      [](const JobScope& scope) -> Result<int> {
        Progress progress;
        for (const char* phase : {"reading", "reading", "writing"}) {
          progress.phase = phase;
          scope.progress(progress);
        }
        scope.log("a line");
        return 1;
      },
      &runner, [](const Result<int>&) {});
  QTRY_VERIFY(runner.idle());
  QStringList words;
  const QStringList log = runner.job(id)->log;
  for (const QString& line : log) words << line.section("  ", 1);
  const QStringList expected{"queued", "started", "reading", "writing", "a line", "succeeded"};
  QCOMPARE(words, expected);
}

void TestJobRunner::capsTheLog() {
  JobRunner runner;
  const JobId id = runner.start(
      named("a"),
      [](const JobScope& scope) -> Result<int> {
        for (int i = 0; i < 3 * JobRunner::kMaxLogLines; ++i) scope.log(QString::number(i));
        return 1;
      },
      &runner, [](const Result<int>&) {});
  QTRY_VERIFY(runner.idle());
  QCOMPARE(runner.job(id)->log.size(), JobRunner::kMaxLogLines);
  QVERIFY(runner.job(id)->log.last().endsWith("succeeded"));
}

void TestJobRunner::destructionCancelsAndWaits() {
  Gate gate;
  std::atomic<bool> ended{false};
  bool delivered = false;
  {
    JobRunner runner;
    for (int i = 0; i < 3; ++i)
      runner.start(
          named("a"),
          [&](const JobContext& job) -> Result<int> {
            const bool open = gate.wait(job.stop);
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            ended = true;
            if (!open) return fail(ErrorCode::Cancelled, "cancelled");
            return 1;
          },
          &runner, [&](const Result<int>&) { delivered = true; });
    QTRY_COMPARE(gate.entered.load(), 1);
  }
  QVERIFY(ended);
  QCOMPARE(gate.entered.load(), 1);
  QCoreApplication::processEvents();
  QVERIFY(!delivered);
}

void TestJobRunner::nothingIsDeliveredToADeadContext() {
  JobRunner runner;
  Gate gate;
  bool delivered = false;
  auto context = std::make_unique<QObject>();
  runner.start(named("a"), waiting(gate), context.get(), [&](const Result<int>&) { delivered = true; });
  QTRY_COMPARE(gate.entered.load(), 1);
  context.reset();
  gate.open = true;
  QTRY_VERIFY(runner.idle());
  QVERIFY(!delivered);
}

void TestJobRunner::clearFinishedKeepsTheOthers() {
  JobRunner runner;
  Gate gate;
  const JobId ended = runner.start(
      named("a"), [](const JobContext&) -> Result<int> { return 1; }, &runner, [](const Result<int>&) {});
  QTRY_VERIFY(runner.idle());
  const JobId running = runner.start(named("b"), waiting(gate), &runner, [](const Result<int>&) {});
  QTRY_COMPARE(gate.entered.load(), 1);
  runner.clearFinished();
  QVERIFY(!runner.job(ended));
  QCOMPARE(runner.jobs(), std::vector<JobId>{running});
  gate.open = true;
  QTRY_VERIFY(runner.idle());
}

void TestJobRunner::startAfterShutdownDoesNothing() {
  JobRunner runner;
  runner.shutdown();
  runner.shutdown();
  QCOMPARE(runner.start(
               named("a"), [](const JobContext&) -> Result<int> { return 1; }, &runner, [](const Result<int>&) {}),
           JobId{0});
}

void TestJobRunner::postedFunctionsRunInOrderBeforeTheEnd() {
  JobRunner runner;
  QStringList order;
  QThread* where = nullptr;
  for (const JobLane lane : {JobLane::Work, JobLane::Background}) {
    order.clear();
    runner.start(
        named("a", lane),
        [&](const JobScope& scope) -> Result<int> {
          for (int i = 0; i < 3; ++i)
            scope.post([&order, &where, i] {
              order << QString::number(i);
              where = QThread::currentThread();
            });
          return 1;
        },
        &runner, [&](const Result<int>&) { order << "done"; });
    QTRY_VERIFY(runner.idle());
    QCOMPARE(order.join(' '), QString("0 1 2 done"));
    QCOMPARE(where, QThread::currentThread());
  }
}

void TestJobRunner::nothingIsPostedToADeadContext() {
  JobRunner runner;
  Gate gate;
  bool ran = false;
  auto context = std::make_unique<QObject>();
  runner.start(
      named("a"),
      [&](const JobScope& scope) -> Result<int> {
        (void)gate.wait(scope.stop);
        scope.post([&ran] { ran = true; });
        return 1;
      },
      context.get(), [](const Result<int>&) {});
  QTRY_COMPARE(gate.entered.load(), 1);
  context.reset();
  gate.open = true;
  QTRY_VERIFY(runner.idle());
  QVERIFY(!ran);
}

void TestJobRunner::batcherHandsOverEverythingInOrder() {
  JobRunner runner;
  std::vector<int> got;
  int batches = 0;
  bool done = false;
  const Batcher<int> batcher([&](std::vector<int>&& batch) {
    QVERIFY(!done);
    QVERIFY(!batch.empty());
    ++batches;
    got.insert(got.end(), batch.begin(), batch.end());
  });
  runner.start(
      named("a"),
      [batcher](const JobScope& scope) -> Result<int> {
        for (int i = 0; i < 10000; ++i) batcher.add(scope, i);
        return 1;
      },
      &runner, [&](const Result<int>&) { done = true; });
  QTRY_VERIFY(done);
  QCOMPARE(got.size(), std::size_t{10000});
  QVERIFY(std::is_sorted(got.begin(), got.end()));
  QVERIFY2(batches < 5000, qPrintable(QString::number(batches)));
}

QTEST_GUILESS_MAIN(TestJobRunner)
#include "test_job_runner.moc"
