// SPDX-License-Identifier: Apache-2.0
// Every index runs once, in ascending order of beginning; results are there when the loop returns; sleepers wake.
#include <QtTest>
#include <algorithm>
#include <ctime>
#include <numeric>

#include "kernels/cpu/pool.h"

using deltascope::kernels::Pool;

class TestPool : public QObject {
  Q_OBJECT

 private slots:
  void everyIndexRunsOnce_data() {
    QTest::addColumn<unsigned>("threads");
    for (unsigned threads : {1u, 2u, 3u, 8u}) QTest::addRow("%u threads", threads) << threads;
  }
  void everyIndexRunsOnce() {
    QFETCH(unsigned, threads);
    Pool pool(threads);
    QCOMPARE(pool.threads(), threads);
    for (std::uint32_t round = 0; round < 2000; ++round) {
      const std::uint32_t count = round % 37;
      std::vector<int> runs(count);  // plain: the loop's end must order these writes before what follows
      std::vector<unsigned> by(count);
      pool.parallelFor(count, [&](std::uint32_t index, unsigned thread) {
        ++runs[index];
        by[index] = thread;
      });
      QCOMPARE(std::count(runs.begin(), runs.end(), 1), std::ptrdiff_t{count});
      QVERIFY(std::all_of(by.begin(), by.end(), [&](unsigned thread) { return thread < threads; }));
    }
  }

  void indicesBeginInOrder() {
    Pool pool(3);
    std::atomic<std::uint32_t> begun = 0;
    std::atomic<int> early = 0;
    // An index may begin while at most two lower ones are about to.
    pool.parallelFor(5000, [&](std::uint32_t index, unsigned) {
      if (begun.fetch_add(1) + 3 <= index) ++early;
    });
    QCOMPARE(early.load(), 0);
  }

  void threadsSleepBetweenLoopsAndWake() {
    Pool pool(3);
    std::vector<std::uint64_t> sums(64);
    for (int round = 0; round < 20; ++round) {
      QTest::qSleep(2);
      pool.parallelFor(64, [&](std::uint32_t index, unsigned) { sums[index] += index; });
    }
    QCOMPARE(std::accumulate(sums.begin(), sums.end(), std::uint64_t{0}), std::uint64_t{20 * 63 * 32});
    const std::clock_t before = std::clock();
    QTest::qSleep(300);
    QVERIFY2(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 0.1, "threads burn time while there is no loop");
  }
};

QTEST_APPLESS_MAIN(TestPool)
#include "test_pool.moc"
