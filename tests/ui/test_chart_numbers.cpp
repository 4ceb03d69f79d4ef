// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>
#include <cmath>
#include <limits>

#include "tests/ui/warnings.h"
#include "ui/charts/build.h"
#include "ui/charts/numbers.h"
#include "ui/frame/theme.h"
#include "ui/payload/heat_map.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

class TestChartNumbers : public QObject {
  Q_OBJECT
 private slots:
  void init() { failOnAnyWarning(); }

  void threeSignificantFigures_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("zero") << 0.0 << "0";
    QTest::newRow("two decimals") << 6.6249 << "6.62";
    QTest::newRow("one decimal") << 44.94 << "44.9";
    QTest::newRow("whole") << 123.4 << "123";
    QTest::newRow("groups") << 1234567.0 << "1,234,567";
    QTest::newRow("small") << 0.029312 << "0.0293";
    QTest::newRow("rounds into another place") << 9.996 << "10.0";
    QTest::newRow("rounds into hundreds") << 99.96 << "100";
    QTest::newRow("one") << 1.0 << "1.00";
    QTest::newRow("negative") << -2.5 << "−2.50";
    QTest::newRow("not a number") << kNaN << "–";
    QTest::newRow("infinite") << kInf << "–";
    QTest::newRow("tiny") << 1e-5 << "0.0000100";
  }
  void threeSignificantFigures() {
    QFETCH(double, value);
    QTEST(significant(value), "text");
  }

  void countsAreWrittenWhole_data() {
    QTest::addColumn<qint64>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("small") << qint64{7} << "7";
    QTest::newRow("three") << qint64{100} << "100";
    QTest::newRow("four") << qint64{1000} << "1,000";
    QTest::newRow("many") << qint64{4194304} << "4,194,304";
    QTest::newRow("negative") << qint64{-1024} << "−1,024";
    QTest::newRow("smallest") << std::numeric_limits<qint64>::min() << "−9,223,372,036,854,775,808";
  }
  void countsAreWrittenWhole() {
    QFETCH(qint64, value);
    QTEST(exactInteger(value), "text");
  }

  void unitsKeepNumbersBelowTenThousand_data() {
    QTest::addColumn<quint64>("largest");
    QTest::addColumn<QString>("bytes");
    QTest::addColumn<QString>("count");
    QTest::newRow("none") << quint64{0} << "B"
                          << "";
    QTest::newRow("just below") << quint64{9999} << "B"
                                << "";
    QTest::newRow("above") << quint64{10000} << "KiB"
                           << "k";
    QTest::newRow("mebi") << quint64{10240000} << "MiB"
                          << "M";
    QTest::newRow("largest") << std::numeric_limits<quint64>::max() << "TiB"
                             << "T";
  }
  void unitsKeepNumbersBelowTenThousand() {
    QFETCH(quint64, largest);
    QTEST(byteUnit(largest).name, "bytes");
    QTEST(countUnit(largest).name, "count");
  }

  void amountsCarryTheirUnit() {
    QCOMPARE(byteText(512), "512 B");
    QCOMPARE(byteText(42100), "41.1 KiB");
    QCOMPARE(byteText(std::uint64_t{5} << 30), "5.00 GiB");
    QCOMPARE(countText(8390000), "8.39 M");
    QCOMPARE(countText(9999), "9,999");
    QCOMPARE(compactCount(0), "0");
    QCOMPARE(compactCount(20000), "20 k");
    QCOMPARE(compactCount(-1.5e6), "−1.5 M");
    QCOMPARE(percentText(0.0293), "2.93 %");
  }

  void metricColoursRunFromDarkToBright() {
    QCOMPARE(metricColour(0), QColor(0x44, 0x01, 0x54));
    QCOMPARE(metricColour(1), QColor(0xfd, 0xe7, 0x25));
    QCOMPARE(metricColour(-3), metricColour(0));
    QCOMPARE(metricColour(7), metricColour(1));
    QCOMPARE(metricColour(kNaN), metricColour(0));
    for (double t = 0.02; t <= 1; t += 0.02)
      QVERIFY2(contrastRatio(metricColour(t), Qt::black) > contrastRatio(metricColour(t - 0.02), Qt::black),
               qPrintable(QString::number(t)));
  }

  void wordsAreReadable_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
  }
  void wordsAreReadable() {
    QFETCH(bool, dark);
    const ChartStyle style = chartStyle(paletteFor(dark ? darkColors() : lightColors()), QFont());
    QVERIFY(contrastRatio(style.text, style.background) >= 7);
    QVERIFY(contrastRatio(style.muted, style.background) >= 4.5);
    QVERIFY(contrastRatio(style.accent, style.background) >= 3);
    QVERIFY(contrastRatio(style.text, style.accentFill) >= 4.5);
    for (double t = 0; t <= 1; t += 0.05) QVERIFY(contrastRatio(readableOn(metricColour(t)), metricColour(t)) >= 4.5);
  }
};

QTEST_MAIN(TestChartNumbers)
#include "test_chart_numbers.moc"
