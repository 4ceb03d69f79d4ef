// SPDX-License-Identifier: Apache-2.0
// Which experts a token is read by follows from its own logits, whatever the other tokens are.
#include <QtTest>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/model/routing.h"

using namespace deltascope;

namespace {

constexpr FeedForwardConfig kBlock{.intermediate = 8, .experts = 4, .chosen = 2};

template <class T>
std::vector<T> list(std::span<const T> values) {
  return {values.begin(), values.end()};
}

}  // namespace

class TestRouting : public QObject {
  Q_OBJECT
 private slots:
  void theMostProbableExpertsAreChosen();
  void sharesOfTheChosenAddUpToOne();
  void ofEqualExpertsTheLowerNumberIsChosen();
  void aTokenIsRoutedAsIfAlone();
  void logitsThatAreNoNumbersNameNoExpert_data();
  void logitsThatAreNoNumbersNameNoExpert();
};

void TestRouting::theMostProbableExpertsAreChosen() {
  const std::vector<float> logits{0, 2, -1, 3, 5, 4, 4.5f, -100};
  const auto routing = Routing::of(logits, kBlock);
  QVERIFY(routing);
  using Tokens = std::vector<std::uint32_t>;
  QVERIFY(list(routing->tokensOf(0)) == Tokens{1});
  QVERIFY(list(routing->tokensOf(1)) == Tokens{0});
  QVERIFY(list(routing->tokensOf(2)) == Tokens{1});
  QVERIFY(list(routing->tokensOf(3)) == Tokens{0});
  // Four exponentials, their sum and a quotient of FP32: below 8 units of the result.
  const double sum = std::exp(-3.0) + std::exp(-1.0) + std::exp(-4.0) + 1;
  QVERIFY(std::abs(double(routing->weightsOf(3)[0]) - 1 / sum) < 8 * 0x1p-24);
  QVERIFY(std::abs(double(routing->weightsOf(1)[0]) - std::exp(-1.0) / sum) < 8 * 0x1p-24);
}

void TestRouting::sharesOfTheChosenAddUpToOne() {
  FeedForwardConfig block = kBlock;
  block.sharesOfChosen = true;
  const auto routing = Routing::of(std::vector<float>{1, 2, 3, 3}, block);
  QVERIFY(routing);
  QCOMPARE(routing->weightsOf(2)[0], 0.5f);
  QCOMPARE(routing->weightsOf(3)[0], 0.5f);
  block.chosen = 1;
  const auto one = Routing::of(std::vector<float>{1, 2, 3, 3}, block);
  QVERIFY(one);
  QCOMPARE(one->weightsOf(2)[0], 1.0f);
}

void TestRouting::ofEqualExpertsTheLowerNumberIsChosen() {
  const auto routing = Routing::of(std::vector<float>(4, 1.5f), kBlock);
  QVERIFY(routing);
  QCOMPARE(routing->tokensOf(0).size(), 1u);
  QCOMPARE(routing->tokensOf(1).size(), 1u);
  QVERIFY(routing->tokensOf(2).empty() && routing->tokensOf(3).empty());
  QCOMPARE(routing->weightsOf(0)[0], 0.25f);
}

void TestRouting::aTokenIsRoutedAsIfAlone() {
  const std::vector<float> logits{0.1f, 0.7f, -0.3f, 0.2f, 9, 8, 7, 6, -2, -2.5f, 1, 0.9f};
  const auto together = Routing::of(logits, kBlock);
  QVERIFY(together);
  for (std::uint32_t token = 0; token < 3; ++token) {
    const auto alone = Routing::of(std::span(logits).subspan(token * 4, 4), kBlock);
    QVERIFY(alone);
    for (std::uint32_t expert = 0; expert < 4; ++expert) {
      const auto tokens = together->tokensOf(expert);
      const auto found = std::ranges::find(tokens, token);
      QCOMPARE(found != tokens.end(), !alone->tokensOf(expert).empty());
      if (found != tokens.end())
        QCOMPARE(std::bit_cast<std::uint32_t>(together->weightsOf(expert)[static_cast<std::size_t>(found - tokens.begin())]),
                 std::bit_cast<std::uint32_t>(alone->weightsOf(expert)[0]));
    }
  }
}

void TestRouting::logitsThatAreNoNumbersNameNoExpert_data() {
  QTest::addColumn<float>("logit");
  QTest::newRow("NaN") << std::numeric_limits<float>::quiet_NaN();
  QTest::newRow("infinite") << std::numeric_limits<float>::infinity();
  QTest::newRow("minus infinite") << -std::numeric_limits<float>::infinity();
}

void TestRouting::logitsThatAreNoNumbersNameNoExpert() {
  QFETCH(float, logit);
  const auto routing = Routing::of(std::vector<float>{0, 1, 2, 3, 0, 1, logit, 3}, kBlock);
  QVERIFY(!routing);
  QCOMPARE(routing.error().code, ErrorCode::Corrupt);
}

QTEST_APPLESS_MAIN(TestRouting)
#include "test_routing.moc"
