// SPDX-License-Identifier: Apache-2.0
#include <QtTest>

#include "core/base/pcre2.h"

using namespace deltascope;
using Text = Pcre2Matcher::Text;

class TestPcre2 : public QObject {
  Q_OBJECT
 private slots:
  void findsMatches_data() {
    QTest::addColumn<QByteArray>("expression");
    QTest::addColumn<bool>("lines");
    QTest::addColumn<bool>("anchored");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<int>("from");
    QTest::addColumn<int>("begin");  // -1: none
    QTest::addColumn<int>("end");
    QTest::newRow("the first") << QByteArray("a+") << false << false << QByteArray("baab") << 0 << 1 << 3;
    QTest::newRow("from a place") << QByteArray("a") << false << false << QByteArray("aba") << 1 << 2 << 3;
    QTest::newRow("none") << QByteArray("x") << false << false << QByteArray("aba") << 0 << -1 << 0;
    QTest::newRow("characters of several bytes") << QByteArray("^.$") << false << false << QByteArray("é") << 0 << 0 << 2;
    QTest::newRow("the end of a line") << QByteArray("a$") << true << false << QByteArray("a\nb") << 0 << 0 << 1;
    QTest::newRow("the very end") << QByteArray("a$") << false << false << QByteArray("a\nb") << 0 << -1 << 0;
    QTest::newRow("not before a last line break") << QByteArray("a$") << false << false << QByteArray("a\n") << 0 << -1 << 0;
    QTest::newRow("anchored") << QByteArray("b") << false << true << QByteArray("ab") << 0 << -1 << 0;
  }
  void findsMatches() {
    QFETCH(QByteArray, expression);
    QFETCH(bool, lines);
    QFETCH(bool, anchored);
    QFETCH(QByteArray, text);
    QFETCH(int, from);
    QFETCH(int, begin);
    QFETCH(int, end);
    for (const bool machineCode : {false, true}) {
      const auto compiled =
          Pcre2::compile(expression.toStdString(), {.lines = lines, .anchored = anchored, .machineCode = machineCode});
      QVERIFY(compiled);
      Pcre2Matcher matcher(*compiled, {.steps = 1000});
      for (const Text known : {Text::IsUtf8, Text::IsChecked}) {
        const auto found = matcher.find({text.data(), std::size_t(text.size())}, std::size_t(from), known);
        QVERIFY(found);
        QCOMPARE(found->has_value(), begin >= 0);
        if (begin < 0) continue;
        QCOMPARE(int((*found)->begin), begin);
        QCOMPARE(int((*found)->end), end);
      }
    }
  }

  void refusesWhatIsNoExpression_data() {
    QTest::addColumn<QByteArray>("expression");
    QTest::newRow("an open bracket") << QByteArray("(a");
    QTest::newRow("single bytes of characters") << QByteArray("\\C");
    QTest::newRow("deep nesting") << QByteArray(101, '(') + QByteArray(101, ')');
    QTest::newRow("no UTF-8") << QByteArray("\xff");
  }
  void refusesWhatIsNoExpression() {
    QFETCH(QByteArray, expression);
    const auto compiled = Pcre2::compile(expression.toStdString(), {});
    QVERIFY(!compiled);
    QCOMPARE(compiled.error().code, ErrorCode::Corrupt);
    QVERIFY(!compiled.error().message.empty());
  }

  void boundsTheWork() {
    const auto compiled = Pcre2::compile("((a|aa)+)+[bd]", {});
    QVERIFY(compiled);
    Pcre2Matcher matcher(*compiled, {.steps = 1000});
    const auto found = matcher.find(std::string(64, 'a'), 0, Text::IsUtf8);
    QVERIFY(!found);
    QCOMPARE(found.error().code, ErrorCode::Unsupported);
    const auto next = matcher.find("aab", 0, Text::IsUtf8);
    QVERIFY(next && *next);
  }

  void checksTextsThatMayBeAnything() {
    const auto compiled = Pcre2::compile("a", {});
    QVERIFY(compiled);
    Pcre2Matcher matcher(*compiled, {.steps = 1000});
    const auto found = matcher.find("\xff\xfe", 0, Text::IsChecked);
    QVERIFY(!found);
    QCOMPARE(found.error().code, ErrorCode::Unsupported);
  }
};

QTEST_APPLESS_MAIN(TestPcre2)
#include "test_pcre2.moc"
