// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <cerrno>

#include "core/base/os_error.h"
#include "core/base/result.h"

using namespace deltascope;

namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::InvalidArgument, "odd", "take an even one");
  return n / 2;
}
Result<int> quarter(int n) {
  DELTASCOPE_ASSIGN(const int once, half(n));
  DELTASCOPE_TRY(half(once));
  return half(once);
}

}  // namespace

class TestResult : public QObject {
  Q_OBJECT

 private slots:
  void locationsReadAsOneLine_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("tensor");
    QTest::addColumn<int>("offset");
    QTest::addColumn<QString>("text");
    QTest::newRow("all") << "m.safetensors"
                         << "a.weight" << 128 << "m.safetensors, tensor a.weight, offset 128: what";
    QTest::newRow("file") << "m.safetensors"
                          << "" << -1 << "m.safetensors: what";
    QTest::newRow("tensor") << ""
                            << "a.weight" << -1 << "tensor a.weight: what";
    QTest::newRow("offset") << ""
                            << "" << 0 << "offset 0: what";
    QTest::newRow("none") << ""
                          << "" << -1 << "what";
    QTest::newRow("a name of two lines") << "f"
                                         << "a\nb\x1b[31m\x7f" << -1 << "f, tensor a\\x0ab\\x1b[31m\\x7f: what";
  }
  void locationsReadAsOneLine() {
    QFETCH(QString, file);
    QFETCH(QString, tensor);
    QFETCH(int, offset);
    QFETCH(QString, text);
    const Location where{file.toStdString(), tensor.toStdString(),
                         offset < 0 ? std::nullopt : std::optional<std::uint64_t>(static_cast<std::uint64_t>(offset))};
    QCOMPARE(QString::fromStdString(at(where, "what")), text);
  }

  void longNamesAreCut() {
    const auto shown = printable(std::string(100'000, 'x'));
    QVERIFY(shown.size() < 220);
    QVERIFY(shown.ends_with("…"));
    QCOMPARE(printable("short"), std::string("short"));
    std::string wide;
    for (int i = 0; i < 300; ++i) wide += "é";
    QVERIFY(QString::fromUtf8(printable(wide).c_str()).indexOf(QChar(0xFFFD)) < 0);  // not cut inside a character
    QVERIFY(printable(std::string(100'000, '\x80')).size() < 220);
  }

  void errorsTravelThroughTheMacros() {
    QCOMPARE(quarter(8).value(), 2);
    QVERIFY(!quarter(6));
    QCOMPARE(describe(quarter(6).error()), std::string("odd. take an even one"));
    QCOMPARE(describe(Error{ErrorCode::Io, "bare", {}}), std::string("bare"));
  }

  void theSystemsErrorsHaveACode_data() {
    QTest::addColumn<int>("number");
    QTest::addColumn<int>("code");
    QTest::newRow("no space") << ENOSPC << int(ErrorCode::DiskFull);
    QTest::newRow("quota") << EDQUOT << int(ErrorCode::DiskFull);
    QTest::newRow("too large") << EFBIG << int(ErrorCode::DiskFull);
    QTest::newRow("absent") << ENOENT << int(ErrorCode::NotFound);
    QTest::newRow("a file as folder") << ENOTDIR << int(ErrorCode::NotFound);
    QTest::newRow("forbidden") << EACCES << int(ErrorCode::Io);
    QTest::newRow("read-only") << EROFS << int(ErrorCode::Io);
    QTest::newRow("too many open") << EMFILE << int(ErrorCode::Io);
    QTest::newRow("no memory") << ENOMEM << int(ErrorCode::OutOfMemory);
    QTest::newRow("device") << EIO << int(ErrorCode::Io);
  }
  void theSystemsErrorsHaveACode() {
    QFETCH(int, number);
    QFETCH(int, code);
    const auto error = systemError(number, {"f", {}, 7}, "cannot write");
    QCOMPARE(int(error.code), code);
    QVERIFY(error.message.starts_with("f, offset 7: cannot write: "));
    QCOMPARE(error.message.find('\n'), std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestResult)
#include "test_result.moc"
