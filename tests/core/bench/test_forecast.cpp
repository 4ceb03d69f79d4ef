// SPDX-License-Identifier: Apache-2.0
#include <QtTest>

#include "core/bench/forecast.h"

using namespace deltascope;

namespace {

constexpr BenchmarkWork kJit = BenchmarkWork::Jit, kZstd = BenchmarkWork::EncodeZstd;

}  // namespace

class TestForecast : public QObject {
  Q_OBJECT
 private slots:
  void beforeAnythingIsKnownTheExpectationCounts() {
    Forecast forecast;
    forecast.expect(kJit, 10);
    forecast.expect(kZstd, 30);
    QCOMPARE(forecast.left({}), 40.0);
    QCOMPARE(forecast.share({}), 0.0);
  }

  /// A machine that is three times slower than expected: after a few pieces what is left is three times as long.
  void theMachinesSpeedIsLearned_data() {
    QTest::addColumn<double>("slowness");
    QTest::newRow("as expected") << 1.0;
    QTest::newRow("three times slower") << 3.0;
    QTest::newRow("ten times faster") << 0.1;
  }
  void theMachinesSpeedIsLearned() {
    QFETCH(double, slowness);
    Forecast forecast;
    forecast.expect(kJit, 100);
    for (int i = 0; i < 40; ++i) forecast.done(kJit, 1, slowness);
    const double left = 60 * slowness;
    QVERIFY2(std::abs(forecast.left({}) - left) <= 0.02 * left, qPrintable(QString::number(forecast.left({}))));
    QVERIFY(std::abs(forecast.share({}) - 0.4) < 0.01);
  }

  /// One kind says nothing of another that was seen itself, and something of one that was not.
  void everyKindHasItsOwnSpeed() {
    Forecast forecast;
    forecast.expect(kJit, 20);
    forecast.expect(kZstd, 20);
    for (int i = 0; i < 10; ++i) forecast.done(kJit, 1, 4);
    QVERIFY(std::abs(forecast.left({}) - (10 * 4 + 20 * 4)) < 5);
    for (int i = 0; i < 10; ++i) forecast.done(kZstd, 1, 0.5);
    QVERIFY(std::abs(forecast.left({}) - (10 * 4 + 10 * 0.5)) < 1);
  }

  void whatDoesNotComeIsForgotten() {
    Forecast forecast;
    forecast.expect(kJit, 10);
    forecast.drop(kJit, 4);
    QCOMPARE(forecast.left({}), 6.0);
    forecast.drop(kJit, 100);
    QCOMPARE(forecast.left({}), 0.0);
  }

  void aPieceInWorkCountsByHowFarItIs() {
    Forecast forecast;
    forecast.expect(kZstd, 10);
    QCOMPARE(forecast.left({kZstd, 10, -1, 3}), 7.0);   // by the clock
    QCOMPARE(forecast.left({kZstd, 10, -1, 30}), 0.0);  // never negative
    QCOMPARE(forecast.left({kZstd, 10, 1, 12}), 0.0);
    // Half way after 20 s where 10 in all were expected: between the 5 that were hoped for and the 20 that it shows.
    const double left = forecast.left({kZstd, 10, 0.5, 20});
    QVERIFY(left > 5 && left < 20);
  }

  /// 7 kinds of work on 200 weights of very different size on a machine that is off by another factor for each kind: the
  /// forecast settles early, and neither jumps nor runs backwards.
  void theTimeLeftIsNotWild() {
    Forecast forecast;
    struct Piece {
      BenchmarkWork work;
      double expected, takes;
    };
    std::vector<Piece> pieces;
    for (int tensor = 0; tensor < 200; ++tensor) {
      const std::uint64_t bytes = tensor == 0 ? 50'000'000 : tensor % 9 == 0 ? 2'000 : 1'000'000 + 500'000 * (tensor % 4);
      for (int kind = 0; kind <= static_cast<int>(BenchmarkWork::Base); ++kind) {
        const auto work = static_cast<BenchmarkWork>(kind);
        const double expected = expectedSeconds(work, bytes, 12);
        pieces.push_back({work, expected, expected * (0.4 + 0.5 * kind) * (1 + 0.2 * ((tensor * 7 + kind) % 3 - 1))});
        forecast.expect(work, expected);
      }
    }
    double all = 0, gone = 0, share = 0;
    for (const auto& piece : pieces) all += piece.takes;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      forecast.done(pieces[i].work, pieces[i].expected, pieces[i].takes);
      gone += pieces[i].takes;
      const double now = forecast.share({});
      QVERIFY(now >= share && now <= 1);
      share = now;
      if (i + 1 >= pieces.size() / 20 && gone < 0.95 * all) {
        const double left = forecast.left({}), truth = all - gone;
        QVERIFY2(left > 0.7 * truth && left < 1.4 * truth, qPrintable(QString("%1: %2 for %3").arg(i).arg(left).arg(truth)));
      }
    }
    QVERIFY(share > 0.999);
  }
};

QTEST_GUILESS_MAIN(TestForecast)
#include "test_forecast.moc"
