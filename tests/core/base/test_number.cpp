// SPDX-License-Identifier: Apache-2.0
// Figures as text: the digits that were measured, and no others.
#include <QtTest>
#include <cmath>
#include <limits>

#include "core/base/number.h"

using namespace deltascope;

class TestNumber : public QObject {
  Q_OBJECT
 private slots:
  void writesWhatWasMeasured_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("122 ns in ms") << 0.00012200000000000001 << "0.000122";
    QTest::newRow("a sum with dust") << 0.1 + 0.2 << "0.3";
    QTest::newRow("a median between two") << (0.000122 + 0.000123) / 2 << "0.0001225";
    QTest::newRow("nine digits stay") << 1.23456789 << "1.23456789";
    QTest::newRow("more are no measurement") << 1.2345678949 << "1.23456789";
    QTest::newRow("bytes are exact") << 123456789012345.0 << "123456789012345";
    QTest::newRow("negative") << -0.0785 << "-0.0785";
    QTest::newRow("none") << 0.0 << "0";
    QTest::newRow("not finite") << std::numeric_limits<double>::quiet_NaN() << "";
  }
  void writesWhatWasMeasured() {
    QFETCH(double, value);
    QTEST(QString::fromStdString(numberText(value)), "text");
    if (std::isfinite(value)) QCOMPARE(rounded(rounded(value)), rounded(value));
  }
  void writesForTheEye_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("thousands") << 1234.4 << "1,234";
    QTest::newRow("rounds up a digit") << 9.996 << "10.0";
    QTest::newRow("small") << 0.000122 << "0.000122";
    QTest::newRow("negative") << -12.34 << "−12.3";
    QTest::newRow("not finite") << std::numeric_limits<double>::infinity() << "–";
  }
  void writesForTheEye() {
    QFETCH(double, value);
    QTEST(QString::fromStdString(significantText(value)), "text");
  }
  void aColumnHasOneUnit() {
    QCOMPARE(QString::fromUtf8(byteScale(9'000'000).name.data()), QString("KiB"));
    QCOMPARE(QString::fromUtf8(byteScale(14'680'064).name.data()), QString("MiB"));
    QCOMPARE(QString::fromStdString(textIn(byteScale(std::uint64_t{3} << 30), 1536.0 * 1024 * 1024)), QString("1,536"));
    QCOMPARE(QString::fromStdString(textIn(byteScale(512), 512)), QString("512"));
  }
};

QTEST_GUILESS_MAIN(TestNumber)
#include "test_number.moc"
