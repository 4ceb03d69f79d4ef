// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>

#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

class TestNested : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { m_goldens = loadAll(dataFolder() / "arithmetic.safetensors"); }
  void codesOffsetAndScalesAreTheLibrarys_data();
  void codesOffsetAndScalesAreTheLibrarys();
  void aMillionScalesComeBackUnfused();
  void rangesAreSlicesOfTheWhole();
  void nanAndInfinityStayDefined();

 private:
  std::map<std::string, Tensor> m_goldens;
};

void TestNested::codesOffsetAndScalesAreTheLibrarys_data() {
  QTest::addColumn<int>("count");
  for (int n : {1, 2, 15, 255, 256, 257, 1000, 12345}) QTest::addRow("%d", n) << n;
}

void TestNested::codesOffsetAndScalesAreTheLibrarys() {
  const std::string row = std::string("nested.") + QTest::currentDataTag();
  const auto nested = nestAbsmax(as<float>(m_goldens.at(row + ".absmax").bytes));
  QVERIFY(nested.offset == as<float>(m_goldens.at(row + ".offset").bytes)[0]);
  QVERIFY(nested.codes == as<std::uint8_t>(m_goldens.at(row + ".codes").bytes));
  QVERIFY(bytesFrom(nested.absmax) == m_goldens.at(row + ".absmax2").bytes);
  const auto map = as<float>(m_goldens.at("nested.map").bytes);
  QVERIFY(std::equal(map.begin(), map.end(), nested.map.begin(), nested.map.end()));
  std::vector<float> back(nested.codes.size());
  unnestAbsmax(nested, 0, back);
  QVERIFY(bytesFrom(back) == m_goldens.at(row + ".back").bytes);
}

/// The script proved that a fused multiply-add gives other bits for more than 10,000 of these.
void TestNested::aMillionScalesComeBackUnfused() {
  const auto large = nlohmann::json::parse(std::ifstream(dataFolder() / "large.json"));
  constexpr std::size_t kCount = 1 << 20;
  NestedAbsmax nested;
  const auto map = as<float>(m_goldens.at("nested.map").bytes);
  std::ranges::copy(map, nested.map.begin());
  for (std::size_t i = 0; i < kCount; ++i) nested.codes.push_back(static_cast<std::uint8_t>(splitmix(2, i)));
  for (std::size_t i = 0; i < kCount / 256; ++i)
    nested.absmax.push_back((static_cast<float>(splitmix(3, i) >> 40) + 1) * 0x1p-30f);
  int index = 0;
  for (float offset : {0.04753212f, -0.013f, 0.1234567f, 3.0e-5f}) {
    nested.offset = offset;
    std::vector<float> back(kCount);
    unnestAbsmax(nested, 0, back);
    const auto key = "unnest." + std::to_string(index++) + ".back";
    QCOMPARE(toHex(hash128(std::as_bytes(std::span(back)))), large.at(key).get<std::string>());
  }
}

void TestNested::rangesAreSlicesOfTheWhole() {
  const auto nested = nestAbsmax(as<float>(m_goldens.at("nested.12345.absmax").bytes));
  const auto whole = as<float>(m_goldens.at("nested.12345.back").bytes);
  for (std::size_t first : {0u, 1u, 255u, 256u, 257u, 12344u, 12345u}) {
    std::vector<float> some(std::min<std::size_t>(700, whole.size() - first));
    unnestAbsmax(nested, first, some);
    QVERIFY(std::equal(some.begin(), some.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)));
  }
}

void TestNested::nanAndInfinityStayDefined() {
  for (float odd : {NAN, INFINITY, 3e38f}) {
    std::vector<float> scales(600, 3e38f);
    scales[300] = odd;
    const auto nested = nestAbsmax(scales);
    QVERIFY(std::isfinite(nested.offset));
    QCOMPARE(nested.codes.size(), std::size_t{600});
    QCOMPARE(nested.absmax.size(), std::size_t{3});
    std::vector<float> back(600);
    unnestAbsmax(nested, 0, back);
    QVERIFY(back[0] == 3e38f);
  }
  QVERIFY(nestAbsmax({}).codes.empty());
}

QTEST_APPLESS_MAIN(TestNested)
#include "test_nested.moc"
