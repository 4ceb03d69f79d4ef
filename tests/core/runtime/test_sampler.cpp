// SPDX-License-Identifier: Apache-2.0
// Which tokens are left to draw from, against transformers' own rules, and how they are drawn.
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/file.h"
#include "core/base/split_mix.h"
#include "core/runtime/sampler.h"

using namespace deltascope;

namespace {

nlohmann::json cases() {
  const auto text = readTextFile(DELTASCOPE_TEST_DATA "/runtime/sampling.json");
  return text ? nlohmann::json::parse(*text) : nlohmann::json();
}

Sampling settingsOf(const nlohmann::json& c) {
  Sampling s;
  s.temperature = c.value("temperature", 1.0f);
  s.topK = c.value("top_k", 0u);
  s.topP = c.value("top_p", 1.0f);
  s.minP = c.value("min_p", 0.0f);
  s.repetitionPenalty = c.value("repetition_penalty", 1.0f);
  return s;
}

}  // namespace

class TestSampler : public QObject {
  Q_OBJECT
 private slots:
  void leavesWhatTransformersLeaves_data();
  void leavesWhatTransformersLeaves();
  void greedyTakesTheLowestIdOnTies();
  void drawsInProportion();
  void drawsTheSameForASeed();
  void logitsThatDifferLittleDrawAlike();
  void neverTakesWhatIsNoNumber();
  void refusesSettings_data();
  void refusesSettings();
};

void TestSampler::leavesWhatTransformersLeaves_data() {
  QTest::addColumn<int>("index");
  const auto list = cases();
  QVERIFY(list.size() > 60);
  for (std::size_t i = 0; i < list.size(); ++i) QTest::newRow(qPrintable(QString::number(i))) << int(i);
}

void TestSampler::leavesWhatTransformersLeaves() {
  QFETCH(int, index);
  const auto c = cases()[static_cast<std::size_t>(index)];
  Sampler sampler(settingsOf(c));
  auto left = sampler.candidates(c.at("logits").get<std::vector<float>>(), c.at("seen").get<std::vector<TokenId>>());
  std::sort(left.begin(), left.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<TokenId> ids;
  double total = 0;
  for (const auto& candidate : left) {
    ids.push_back(candidate.id);
    total += std::exp(static_cast<double>(candidate.score));
  }
  QCOMPARE(ids, c.at("left").get<std::vector<TokenId>>());
  // Scores are FP32 in both; the file has seven digits.
  for (std::size_t i = 0; i < left.size(); ++i)
    QVERIFY(std::abs(std::exp(static_cast<double>(left[i].score)) / total - c.at("shares")[i].get<double>()) < 1e-5);
}

void TestSampler::greedyTakesTheLowestIdOnTies() {
  Sampler sampler(Sampling{});
  QCOMPARE(sampler.sample(std::vector<float>{1, 3, 2, 3}, {}, 0), TokenId{1});
  Sampling penalised;
  penalised.repetitionPenalty = 2;
  QCOMPARE(Sampler(penalised).sample(std::vector<float>{1, 3, 2, 3}, std::vector<TokenId>{1}, 0), TokenId{3});
}

/// Shares of 40,000 draws are within five standard deviations of the probabilities.
void TestSampler::drawsInProportion() {
  constexpr int kDraws = 40'000;
  Sampling settings;
  settings.temperature = 1;
  settings.seed = 3;
  Sampler sampler(settings);
  const std::vector<float> logits{0, std::log(2.0f), std::log(4.0f), std::log(3.0f)};
  std::map<TokenId, int> counts;
  for (std::size_t i = 0; i < kDraws; ++i) ++counts[sampler.sample(logits, {}, i)];
  const std::vector<double> expected{0.1, 0.2, 0.4, 0.3};
  for (TokenId id = 0; id < 4; ++id) {
    const double p = expected[id], deviation = std::sqrt(kDraws * p * (1 - p));
    QVERIFY2(std::abs(counts[id] - kDraws * p) < 5 * deviation, qPrintable(QString::number(counts[id])));
  }
}

void TestSampler::drawsTheSameForASeed() {
  Sampling settings;
  settings.temperature = 1;
  settings.seed = 11;
  std::vector<float> logits(500);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = std::sin(static_cast<float>(i));
  Sampler a(settings), b(settings);
  settings.seed = 12;
  Sampler c(settings);
  bool differs = false;
  std::vector<TokenId> drawn;
  for (std::size_t i = 0; i < 50; ++i) {
    drawn.push_back(a.sample(logits, {}, i));
    QCOMPARE(b.sample(logits, {}, i), drawn.back());
    differs = differs || c.sample(logits, {}, i) != drawn.back();
  }
  QVERIFY(differs);
  // In any order, more than once, and by the rule as it reads: the highest score with its noise.
  for (std::size_t i = drawn.size(); i-- > 0;) {
    QCOMPARE(a.sample(logits, {}, i), drawn[i]);
    const std::uint64_t stream = SplitMix64::at(SplitMix64(11).next(), i);
    std::vector<double> noisy;
    for (std::size_t id = 0; id < logits.size(); ++id) {
      const double left = (static_cast<double>(SplitMix64::at(stream, id) >> 11) + 0.5) * 0x1p-53;
      noisy.push_back(static_cast<double>(logits[id]) - std::log(-std::log(1 - left)));
    }
    QCOMPARE(drawn[i], TokenId(std::max_element(noisy.begin(), noisy.end()) - noisy.begin()));
  }
}

/// What drafts live on: logits with a little noise, as those of a quantized model, mostly give the same draw. A draw by one
/// number over the ids in order would agree in half of the places.
void TestSampler::logitsThatDifferLittleDrawAlike() {
  Sampling settings;
  settings.temperature = 1;
  Sampler sampler(settings);
  std::mt19937 random(7);
  std::normal_distribution<float> wide(0, 3), small(0, 0.05f);
  int alike = 0;
  constexpr std::size_t kPlaces = 400;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    std::vector<float> logits(2000), near;
    for (float& x : logits) x = wide(random);
    for (const float x : logits) near.push_back(x + small(random));
    alike += sampler.sample(logits, {}, place) == sampler.sample(near, {}, place);
  }
  QVERIFY2(alike > 0.93 * kPlaces, qPrintable(QString::number(alike)));
}

void TestSampler::neverTakesWhatIsNoNumber() {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  Sampling hot;
  hot.temperature = 1;
  hot.topP = 0.9f;
  for (const auto& settings : {Sampling{}, hot}) {
    Sampler sampler(settings);
    QCOMPARE(sampler.sample(std::vector<float>{kNan, -1, kNan}, {}, 0), TokenId{1});
    QCOMPARE(sampler.sample(std::vector<float>{kNan, kNan}, {}, 0), TokenId{0});
    QCOMPARE(sampler.sample(std::vector<float>{1, kInfinity, 2}, {}, 0), TokenId{1});
    QVERIFY(sampler.sample(std::vector<float>{-kInfinity, -kInfinity}, {}, 0) < 2);
  }
}

void TestSampler::refusesSettings_data() {
  QTest::addColumn<float>("temperature");
  QTest::addColumn<float>("topP");
  QTest::addColumn<float>("minP");
  QTest::addColumn<float>("penalty");
  QTest::addColumn<QString>("says");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  QTest::newRow("cold") << -1.0f << 1.0f << 0.0f << 1.0f << "temperature";
  QTest::newRow("no number") << nan << 1.0f << 0.0f << 1.0f << "temperature";
  QTest::newRow("nothing left") << 1.0f << 0.0f << 0.0f << 1.0f << "top-p";
  QTest::newRow("more than all") << 1.0f << 1.1f << 0.0f << 1.0f << "top-p";
  QTest::newRow("min-p above 1") << 1.0f << 1.0f << 2.0f << 1.0f << "min-p";
  QTest::newRow("no penalty") << 1.0f << 1.0f << 0.0f << 0.0f << "penalty";
}

void TestSampler::refusesSettings() {
  QFETCH(float, temperature);
  QFETCH(float, topP);
  QFETCH(float, minP);
  QFETCH(float, penalty);
  QFETCH(QString, says);
  const auto checked = checkSampling({temperature, 0, topP, minP, penalty, 0});
  QVERIFY(!checked);
  QCOMPARE(checked.error().code, ErrorCode::InvalidArgument);
  QVERIFY2(QString::fromStdString(checked.error().message).contains(says), checked.error().message.c_str());
}

QTEST_GUILESS_MAIN(TestSampler)
#include "test_sampler.moc"
