// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <clocale>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/job.h"
#include "core/base/units.h"

using namespace deltascope;

class TestUnits : public QObject {
  Q_OBJECT

 private slots:
  void sizesAreParsed_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<qulonglong>("bytes");
    const auto row = [](const char* text, qulonglong bytes) { QTest::newRow(text) << text << bytes; };
    row("4096", 4096);
    row("0", 0);
    row("17 B", 17);
    row("5.3GiB", 5690831667);
    row("512 MiB", 512ull << 20);
    row(" 512MiB ", 512ull << 20);
    row("1KiB", 1024);
    row("2GB", 2'000'000'000);
    row("2gb", 2'000'000'000);
    row("1.5 kB", 1500);
    row("3MB", 3'000'000);
    row("1TiB", 1ull << 40);
    row("1TB", 1'000'000'000'000);
    row("0.5GiB", 1ull << 29);
    row("18446744073709551615", std::numeric_limits<qulonglong>::max());
  }
  void sizesAreParsed() {
    QFETCH(QString, text);
    QFETCH(qulonglong, bytes);
    const auto size = parseSize(text.toStdString());
    QVERIFY(size);
    QCOMPARE(qulonglong(*size), bytes);
  }

  void otherTextIsNoSize_data() {
    QTest::addColumn<QString>("text");
    for (const char* text : {"",
                             " ",
                             "GiB",
                             "-1",
                             "+1",
                             "-1GiB",
                             "1 GiB x",
                             "1G",
                             "1X",
                             "1.GiB",
                             ".5GiB",
                             "1..5GiB",
                             "1.2.3",
                             "1e3",
                             "0x10",
                             "inf",
                             "nan",
                             "1,5GiB",
                             "18446744073709551616",
                             "99999999999GiB",
                             "17179869184GiB",
                             "1.5e400GiB",
                             "20000000.5TiB",
                             "1\nGiB"})
      QTest::newRow(text) << text;
  }
  void otherTextIsNoSize() {
    QFETCH(QString, text);
    QVERIFY(!parseSize(text.toStdString()));
  }

  void sizesAreFormatted_data() {
    QTest::addColumn<qulonglong>("bytes");
    QTest::addColumn<QString>("text");
    const auto row = [](qulonglong bytes, const char* text) { QTest::newRow(text) << bytes << text; };
    row(0, "0 B");
    row(1023, "1023 B");
    row(1024, "1.00 KiB");
    row(1536, "1.50 KiB");
    row((1 << 20) - 1, "1.00 MiB");
    row(1 << 20, "1.00 MiB");
    row((1ull << 30) - 1, "1.00 GiB");
    row(1331439861, "1.24 GiB");
    row(1ull << 40, "1024.00 GiB");
  }
  void sizesAreFormatted() {
    QFETCH(qulonglong, bytes);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatGib(bytes)), text);
  }

  void ratesAreFormatted_data() {
    QTest::addColumn<double>("rate");
    QTest::addColumn<QString>("text");
    const auto row = [](double rate, const char* text) { QTest::addRow("%g", rate) << rate << text; };
    row(0, "0 B/s");
    row(-1, "0 B/s");
    row(std::nan(""), "0 B/s");
    row(std::numeric_limits<double>::infinity(), "0 B/s");
    row(17, "17 B/s");
    row(12'345, "12 kB/s");
    row(999'600, "1.0 MB/s");
    row(9.4e6, "9.4 MB/s");
    row(9.96e6, "10 MB/s");
    row(118e6, "118 MB/s");
    row(999.6e6, "1.00 GB/s");
    row(2.1e9, "2.10 GB/s");
  }
  void ratesAreFormatted() {
    QFETCH(double, rate);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatRate(rate)), text);
  }

  void durationsAreFormatted_data() {
    QTest::addColumn<double>("seconds");
    QTest::addColumn<QString>("text");
    const auto row = [](double seconds, const char* text) { QTest::addRow("%g", seconds) << seconds << text; };
    row(0, "0:00");
    row(0.4, "0:00");
    row(42, "0:42");
    row(59.6, "1:00");
    row(3599, "59:59");
    row(3723, "1:02:03");
    row(360000, "100:00:00");
    row(-1, "–");
    row(std::nan(""), "–");
    row(std::numeric_limits<double>::infinity(), "–");
  }
  void durationsAreFormatted() {
    QFETCH(double, seconds);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatDuration(seconds)), text);
  }

  void countsAreGrouped_data() {
    QTest::addColumn<qulonglong>("count");
    QTest::addColumn<QString>("text");
    const auto row = [](qulonglong count, const char* text) { QTest::newRow(text) << count << text; };
    row(0, "0");
    row(999, "999");
    row(1000, "1,000");
    row(4194304, "4,194,304");
    row(std::numeric_limits<qulonglong>::max(), "18,446,744,073,709,551,615");
  }
  void countsAreGrouped() {
    QFETCH(qulonglong, count);
    QFETCH(QString, text);
    QCOMPARE(QString::fromStdString(formatCount(count)), text);
  }

  void theUsersLocaleChangesNothing() {
    const char* const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    for (const char* name : names) std::setlocale(LC_ALL, name);  // whichever the machine has
    QCOMPARE(QString::fromStdString(formatGib(1536)), QString("1.50 KiB"));
    QCOMPARE(qulonglong(parseSize("1.5KiB").value()), 1536ull);
    std::setlocale(LC_ALL, "C");
  }

  void arithmeticNoticesOverflow() {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    QVERIFY(checkedMul(1ull << 32, 1ull << 31) == 1ull << 63);
    QVERIFY(!checkedMul(1ull << 32, 1ull << 32));
    QVERIFY(checkedMul(kMost, 0) == 0);
    QVERIFY(checkedAdd(kMost, 0) == kMost);
    QVERIFY(!checkedAdd(kMost, 1));
    QCOMPARE(ceilDiv(0, 8), 0ull);
    QCOMPARE(ceilDiv(9, 8), 2ull);
    QCOMPARE(ceilDiv(kMost, 2), 1ull << 63);
    QCOMPARE(roundUp(9, 8), 16ull);
    QCOMPARE(roundUp(16, 8), 16ull);
  }

  void residentMemoryGrowsWithUse() {
    const auto before = residentMemory();
    QVERIFY(before.current > 0);
    QVERIFY(before.peak >= before.current);
    constexpr std::size_t kBytes = 64u << 20;
    std::vector<char> block(kBytes, 1);
    const auto during = residentMemory();
    QVERIFY(during.current >= before.current + kBytes / 2);
    QVERIFY(during.peak >= during.current);
    QCOMPARE(block[kBytes / 2], char(1));
  }

  void progressForecastsFromItsThroughput_data() {
    QTest::addColumn<qulonglong>("done");
    QTest::addColumn<qulonglong>("total");
    QTest::addColumn<double>("seconds");
    QTest::addColumn<double>("throughput");
    QTest::addColumn<double>("eta");
    QTest::newRow("not begun") << 0ull << 100ull << 0.0 << 0.0 << -1.0;
    QTest::newRow("nothing done") << 0ull << 100ull << 2.0 << 0.0 << -1.0;
    QTest::newRow("half way") << 50ull << 100ull << 5.0 << 10.0 << 5.0;
    QTest::newRow("finished") << 100ull << 100ull << 5.0 << 20.0 << 0.0;
    QTest::newRow("more than announced") << 120ull << 100ull << 5.0 << 24.0 << 0.0;
    QTest::newRow("total unknown") << 50ull << 0ull << 5.0 << 10.0 << -1.0;
  }
  void progressForecastsFromItsThroughput() {
    QFETCH(qulonglong, done);
    QFETCH(qulonglong, total);
    QFETCH(double, seconds);
    QFETCH(double, throughput);
    QFETCH(double, eta);
    Progress progress;
    progress.bytesDone = done;
    progress.bytesTotal = total;
    progress.seconds = seconds;
    QCOMPARE(progress.throughput(), throughput);
    QCOMPARE(progress.eta(), eta);
  }

  void threadCountsAreSane() {
    JobContext job;
    QVERIFY(job.threadCount() >= 1);
    job.threads = 3;
    QCOMPARE(job.threadCount(), 3u);
    job.threads = 4'000'000'000u;
    QCOMPARE(job.threadCount(), 512u);
  }
};

QTEST_APPLESS_MAIN(TestUnits)
#include "test_units.moc"
