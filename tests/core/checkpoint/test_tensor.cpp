// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <algorithm>
#include <random>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/dtype.h"
#include "core/checkpoint/tensor.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;

class TestTensor : public QObject {
  Q_OBJECT

 private slots:
  void typesHaveTheirNamesAndSizes_data() {
    QTest::addColumn<int>("bits");
    const auto row = [](const char* name, int bits) { QTest::newRow(name) << bits; };
    row("BOOL", 8);
    row("F4", 4);
    row("F6_E2M3", 6);
    row("F6_E3M2", 6);
    row("U8", 8);
    row("I8", 8);
    row("F8_E5M2", 8);
    row("F8_E4M3", 8);
    row("F8_E8M0", 8);
    row("F8_E4M3FNUZ", 8);
    row("F8_E5M2FNUZ", 8);
    row("I16", 16);
    row("U16", 16);
    row("F16", 16);
    row("BF16", 16);
    row("I32", 32);
    row("U32", 32);
    row("F32", 32);
    row("C64", 64);
    row("F64", 64);
    row("I64", 64);
    row("U64", 64);
  }
  void typesHaveTheirNamesAndSizes() {
    QFETCH(int, bits);
    const std::string name = QTest::currentDataTag();
    const auto type = dtypeFromName(name);
    QVERIFY(type);
    QCOMPARE(std::string(nameOf(*type)), name);
    QCOMPARE(int(bitsOf(*type)), bits);
    QCOMPARE(int(bytesOf(*type)), bits % 8 ? 0 : bits / 8);
    QCOMPARE(isCodedFloat(*type), name == "BF16" || name == "F16" || name == "F32");
  }

  void otherNamesAreNoTypes_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"", "f32", "F32 ", "float32", "F128", "BF", "F6"}) QTest::newRow(name) << name;
  }
  void otherNamesAreNoTypes() {
    QFETCH(QString, name);
    QVERIFY(!dtypeFromName(name.toStdString()));
  }

  void shapesReadAsText() {
    QCOMPARE(shapeText({}), std::string("scalar"));
    QCOMPARE(shapeText({7}), std::string("7"));
    QCOMPARE(shapeText({4096, 14336}), std::string("4096 × 14336"));
    QCOMPARE(shapeText({0, 1, 2}), std::string("0 × 1 × 2"));
  }

  void namesSortAsPeopleCount() {
    const std::vector<std::string> sorted{"",
                                          "a",
                                          "a.1",
                                          "a.02",
                                          "a.2",
                                          "a.2.b",
                                          "a.10",
                                          "a.10.weight",
                                          "a.100",
                                          "a2",
                                          "a10",
                                          "a10b2",
                                          "a10b11",
                                          "b",
                                          "layers.2.x",
                                          "layers.10.x",
                                          "layers.99999999999999999998",
                                          "layers.99999999999999999999",
                                          "ü"};
    auto shuffled = sorted;
    std::mt19937 random(2);
    for (int round = 0; round < 20; ++round) {
      std::shuffle(shuffled.begin(), shuffled.end(), random);
      std::sort(shuffled.begin(), shuffled.end(), naturalLess);
      QVERIFY(shuffled == sorted);
    }
  }

  void theOrderOfNamesIsStrict() {
    std::mt19937 random(4);
    std::vector<std::string> names;
    const std::string alphabet = "01239.ab";
    for (int i = 0; i < 60; ++i) {
      std::string name(random() % 5, ' ');
      for (auto& c : name) c = alphabet[random() % alphabet.size()];
      names.push_back(name);
    }
    for (const auto& a : names)
      for (const auto& b : names) {
        QVERIFY(naturalLess(a, b) + naturalLess(b, a) == (a != b));
        for (const auto& c : names) QVERIFY(!(naturalLess(a, b) && naturalLess(b, c)) || naturalLess(a, c));
      }
  }
};

QTEST_APPLESS_MAIN(TestTensor)
#include "test_tensor.moc"
