// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "core/base/ordered.h"

using namespace deltascope;
using namespace std::chrono_literals;

namespace {

using Work = std::function<Result<int>(std::size_t)>;
using Commit = std::function<Result<void>(std::size_t, int&&)>;

Result<int> same(std::size_t i) { return static_cast<int>(i); }
Result<void> ignore(std::size_t, int&&) { return {}; }

void sleepOddly(std::size_t i) { std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 13 * 50)); }

}  // namespace

class TestOrdered : public QObject {
  Q_OBJECT

 private slots:
  void commitsInOrderWhateverTheThreads_data() {
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("threads");
    QTest::addColumn<int>("window");
    for (const int count : {0, 1, 2, 3, 200})
      for (const int threads : {0, 1, 2, 8})
        for (const int window : {0, 1, 2, 5, 1000})
          QTest::addRow("%d by %d in %d", count, threads, window) << count << threads << window;
  }
  void commitsInOrderWhateverTheThreads() {
    QFETCH(int, count);
    QFETCH(int, threads);
    QFETCH(int, window);
    const auto caller = std::this_thread::get_id();
    std::vector<int> committed;
    const auto outcome = runOrdered<int>(
        std::size_t(count), unsigned(threads), std::size_t(window), {},
        [](std::size_t i) -> Result<int> {
          sleepOddly(i);
          return static_cast<int>(i * i);
        },
        [&](std::size_t i, int&& value) -> Result<void> {
          if (std::this_thread::get_id() != caller) return fail(ErrorCode::Internal, "another thread");
          if (i != committed.size()) return fail(ErrorCode::Internal, "out of order");
          committed.push_back(value);
          return {};
        });
    QVERIFY2(outcome, outcome ? "" : outcome.error().message.c_str());
    QCOMPARE(int(committed.size()), count);
    for (std::size_t i = 0; i < committed.size(); ++i) QCOMPARE(committed[i], int(i * i));
  }

  void startsNoMoreThanTheWindowHolds_data() {
    QTest::addColumn<int>("window");
    for (const int window : {1, 2, 3, 7}) QTest::addRow("%d", window) << window;
  }
  void startsNoMoreThanTheWindowHolds() {
    QFETCH(int, window);
    std::atomic<int> open = 0, most = 0;
    const auto outcome = runOrdered<int>(
        100, 8, std::size_t(window), {},
        [&](std::size_t i) -> Result<int> {
          const int now = ++open;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          sleepOddly(i);
          return 0;
        },
        [&](std::size_t i, int&&) -> Result<void> {
          sleepOddly(i + 5);
          --open;
          return {};
        });
    QVERIFY(outcome);
    QVERIFY(most <= window);
    QCOMPARE(open.load(), 0);
  }

  void threadsWorkAtTheSameTime() {
    std::atomic<int> waiting = 0;
    const auto outcome = runOrdered<int>(
        4, 4, 4, {},
        [&](std::size_t) -> Result<int> {
          ++waiting;
          const auto limit = std::chrono::steady_clock::now() + 20s;
          while (waiting < 4 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
          return waiting.load();
        },
        [](std::size_t, int&& together) -> Result<void> {
          if (together != 4) return fail(ErrorCode::Internal, "ran alone");
          return {};
        });
    QVERIFY(outcome);
  }

  void resultsThatOnlyMoveAreFine() {
    int sum = 0;
    const auto outcome = runOrdered<std::unique_ptr<int>>(
        50, 3, 5, {}, [](std::size_t i) -> Result<std::unique_ptr<int>> { return std::make_unique<int>(int(i)); },
        [&](std::size_t, std::unique_ptr<int>&& value) -> Result<void> {
          sum += *value;
          return {};
        });
    QVERIFY(outcome);
    QCOMPARE(sum, 49 * 50 / 2);
  }

  void theErrorOfTheLowestIndexWins_data() {
    QTest::addColumn<int>("threads");
    QTest::addColumn<bool>("lowestIsSlow");
    for (const int threads : {1, 2, 8}) {
      QTest::addRow("%d threads, lowest slow", threads) << threads << true;
      QTest::addRow("%d threads, lowest fast", threads) << threads << false;
    }
  }
  void theErrorOfTheLowestIndexWins() {
    QFETCH(int, threads);
    QFETCH(bool, lowestIsSlow);
    const std::set<std::size_t> failing{5, 6, 7, 20};
    std::size_t committed = 0;
    const auto outcome = runOrdered<int>(
        100, unsigned(threads), 8, {},
        [&](std::size_t i) -> Result<int> {
          if ((i == 5) == lowestIsSlow) std::this_thread::sleep_for(5ms);
          if (failing.contains(i)) return fail(ErrorCode::Corrupt, std::to_string(i));
          return 0;
        },
        [&](std::size_t, int&&) -> Result<void> {
          ++committed;
          return {};
        });
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().code, ErrorCode::Corrupt);
    QCOMPARE(outcome.error().message, std::string("5"));
    QCOMPARE(committed, std::size_t(5));
  }

  void anErrorStartsNothingNew() {
    std::atomic<std::size_t> highest = 0;
    const auto outcome = runOrdered<int>(
        100'000, 2, 4, {},
        [&](std::size_t i) -> Result<int> {
          if (i > highest) highest = i;
          if (i == 3) return fail(ErrorCode::Io, "broken");
          return 0;
        },
        ignore);
    QVERIFY(!outcome);
    QVERIFY(highest < 3 + 4);
  }

  void anErrorOfCommitEndsTheRun() {
    std::size_t committed = 0;
    const auto outcome = runOrdered<int>(1000, 4, 8, {}, same, [&](std::size_t i, int&&) -> Result<void> {
      if (i == 10) return fail(ErrorCode::DiskFull, "full");
      ++committed;
      return {};
    });
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().code, ErrorCode::DiskFull);
    QCOMPARE(committed, std::size_t(10));
  }

  void exceptionsBecomeErrors_data() {
    QTest::addColumn<int>("thrown");
    QTest::addColumn<bool>("inCommit");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("message");
    for (const bool inCommit : {false, true}) {
      const char* const place = inCommit ? "commit" : "work";
      QTest::addRow("bad_alloc in %s", place) << 0 << inCommit << int(ErrorCode::OutOfMemory) << "not enough memory";
      QTest::addRow("runtime_error in %s", place) << 1 << inCommit << int(ErrorCode::Internal) << "unexpected";
      QTest::addRow("a number in %s", place) << 2 << inCommit << int(ErrorCode::Internal) << "an unknown exception";
    }
  }
  void exceptionsBecomeErrors() {
    QFETCH(int, thrown);
    QFETCH(bool, inCommit);
    QFETCH(int, code);
    QFETCH(QString, message);
    const auto raise = [&] {
      if (thrown == 0) throw std::bad_alloc();
      if (thrown == 1) throw std::runtime_error("unexpected");
      throw 17;
    };
    const auto outcome = runOrdered<int>(
        20, 3, 5, {},
        [&](std::size_t i) -> Result<int> {
          if (i == 4 && !inCommit) raise();
          return 0;
        },
        [&](std::size_t i, int&&) -> Result<void> {
          if (i == 4 && inCommit) raise();
          return {};
        });
    QVERIFY(!outcome);
    QCOMPARE(int(outcome.error().code), code);
    QCOMPARE(QString::fromStdString(outcome.error().message), message);
  }

  void aStopRequestEndsTheRunQuickly() {
    std::stop_source source;
    std::atomic<int> started = 0;
    std::jthread user([&] {
      while (started < 4) std::this_thread::yield();
      std::this_thread::sleep_for(20ms);
      source.request_stop();
    });
    std::chrono::steady_clock::time_point asked;
    const std::stop_callback note(source.get_token(), [&] { asked = std::chrono::steady_clock::now(); });
    const auto outcome = runOrdered<int>(
        1'000'000, 4, 16, source.get_token(),
        [&](std::size_t) -> Result<int> {
          ++started;
          std::this_thread::sleep_for(5ms);
          return 0;
        },
        ignore);
    const auto took = std::chrono::steady_clock::now() - asked;
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().code, ErrorCode::Cancelled);
    QVERIFY2(took < 200ms, std::to_string(took / 1us).c_str());
  }

  void aStopRequestWakesTheCallerWhileItWaits() {
    std::stop_source source;
    std::atomic<bool> running = false;
    std::jthread user([&] {
      while (!running) std::this_thread::yield();
      source.request_stop();
    });
    const auto outcome = runOrdered<int>(
        1, 1, 1, source.get_token(),
        [&](std::size_t) -> Result<int> {
          running = true;
          while (!source.stop_requested()) std::this_thread::yield();  // as long calls must
          return 0;
        },
        [](std::size_t, int&&) -> Result<void> { return fail(ErrorCode::Internal, "committed after the stop"); });
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().code, ErrorCode::Cancelled);
  }

  void aStopRequestBeforeTheStartCommitsNothing() {
    std::stop_source source;
    source.request_stop();
    std::size_t committed = 0;
    const auto outcome = runOrdered<int>(100, 4, 8, source.get_token(), same, [&](std::size_t, int&&) -> Result<void> {
      ++committed;
      return {};
    });
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().code, ErrorCode::Cancelled);
    QCOMPARE(committed, std::size_t(0));
  }

  void theCommitItselfMayAskToStop() {
    std::stop_source source;
    const auto outcome = runOrdered<int>(100, 4, 8, source.get_token(), same, [&](std::size_t i, int&&) -> Result<void> {
      if (i == 10) source.request_stop();
      return {};
    });
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().code, ErrorCode::Cancelled);
  }

  void aStopAfterTheLastCommitIsTooLate() {
    std::stop_source source;
    const auto outcome = runOrdered<int>(10, 2, 4, source.get_token(), same, [&](std::size_t i, int&&) -> Result<void> {
      if (i == 9) source.request_stop();
      return {};
    });
    QVERIFY(outcome);
  }

  void stopsAtRandomMomentsAreSafe() {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
      std::stop_source source;
      const auto delay = std::chrono::microseconds(random() % 400);
      std::jthread user([&source, delay] {
        std::this_thread::sleep_for(delay);
        source.request_stop();
      });
      std::size_t committed = 0;
      const auto outcome = runOrdered<int>(60, 4, 6, source.get_token(), same, [&](std::size_t i, int&&) -> Result<void> {
        if (i != committed++) return fail(ErrorCode::Internal, "out of order");
        return {};
      });
      if (outcome)
        QCOMPARE(committed, std::size_t(60));
      else
        QCOMPARE(outcome.error().code, ErrorCode::Cancelled);
    }
  }

  void unusedResultsAreFreed() {
    std::atomic<int> alive = 0;
    struct Counted {
      std::atomic<int>* count = nullptr;
      explicit Counted(std::atomic<int>* c) : count(c) { ++*count; }
      Counted(Counted&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
      Counted& operator=(Counted&& other) noexcept {
        std::swap(count, other.count);
        return *this;
      }
      ~Counted() {
        if (count) --*count;
      }
    };
    const auto outcome = runOrdered<Counted>(
        50, 4, 10, {}, [&](std::size_t) -> Result<Counted> { return Counted(&alive); },
        [](std::size_t i, Counted&&) -> Result<void> {
          if (i == 5) return fail(ErrorCode::Io, "stop here");
          return {};
        });
    QVERIFY(!outcome);
    QCOMPARE(alive.load(), 0);
  }
};

QTEST_APPLESS_MAIN(TestOrdered)
#include "test_ordered.moc"
