// SPDX-License-Identifier: Apache-2.0
#include <QTemporaryDir>
#include <fstream>

#include "tests/app/run_cli.h"

using namespace deltascope::test;
using nlohmann::json;

class TestCliTokenize : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  json m_cases;

  QString write(const std::string& text) const {
    const QString path = m_folder.filePath("texts.jsonl");
    std::ofstream(path.toStdString(), std::ios::binary) << text;
    return path;
  }

 private slots:
  void initTestCase() {
    std::ifstream file(DELTASCOPE_TEST_DATA "/text/demo_cases.json");
    m_cases = json::parse(file, nullptr, false);
    QVERIFY(m_cases.is_array());
  }

  void linesGiveTheLibrarysIds() {
    std::string lines;
    for (const json& c : m_cases) lines += json{{"text", c.at("text")}, {"other", 1}}.dump() + "\n";
    const QString file = write(lines);
    for (const bool special : {true, false}) {
      QStringList arguments{"tokenize", DELTASCOPE_DEMO "/chat", "--jsonl", file};
      if (!special) arguments << "--no-special";
      const auto run = runCli(arguments);
      COMPARE_STATUS(run, 0);
      const auto found = run.out.split('\n');
      QCOMPARE(std::size_t(found.size()), m_cases.size() + 1);  // the last line ends, too
      for (std::size_t i = 0; i < m_cases.size(); ++i)
        QCOMPARE(found[qsizetype(i)], QByteArray::fromStdString(m_cases[i].at(special ? "ids" : "ids_no_special").dump()));
    }
  }

  void aTextGivesItsIds() {
    const auto run = runCli({"tokenize", DELTASCOPE_DEMO "/chat", "--text", "Hello world"});
    COMPARE_STATUS(run, 0);
    QCOMPARE(run.out, QByteArray("[8187,39,356,310,2999]\n"));
    const auto plain =
        runCli({"tokenize", DELTASCOPE_DEMO "/chat/tokenizer.json", "--no-special", "--json", "--text", "Hello world"});
    COMPARE_STATUS(plain, 0);
    QCOMPARE(plain.json()["ids"], json({39, 356, 310, 2999}));
    QCOMPARE(plain.json()["stages"], json("tokenizer.json"));
    const auto empty = runCli({"tokenize", DELTASCOPE_DEMO "/chat", "--no-special", "--text", ""});
    COMPARE_STATUS(empty, 0);
    QCOMPARE(empty.out, QByteArray("[]\n"));
  }

  void badLinesAreNamed_data() {
    QTest::addColumn<QByteArray>("line");
    QTest::newRow("not JSON") << QByteArray("{\"text\": ");
    QTest::newRow("not an object") << QByteArray("\"text\"");
    QTest::newRow("no text") << QByteArray("{\"prompt\": \"a\"}");
    QTest::newRow("not a string") << QByteArray("{\"text\": 1}");
    QTest::newRow("not UTF-8") << QByteArray("{\"text\": \"\xFF\"}");
  }
  void badLinesAreNamed() {
    QFETCH(QByteArray, line);
    const auto run =
        runCli({"tokenize", DELTASCOPE_DEMO "/chat", "--jsonl", write("{\"text\": \"a\"}\n\n" + line.toStdString() + "\n")});
    COMPARE_STATUS(run, 3);
    QCOMPARE(run.errorLines().size(), 1);
    QVERIFY2(run.errorLines()[0].contains("line 3") && run.errorLines()[0].contains("texts.jsonl"), run.err.constData());
  }

  void mistakesAreRefused_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::newRow("nothing to encode") << QStringList{DELTASCOPE_DEMO "/chat"} << 2;
    QTest::newRow("two inputs") << QStringList{DELTASCOPE_DEMO "/chat", "--text", "a", "--jsonl", "b"} << 2;
    QTest::newRow("no model") << QStringList{"--text", "a"} << 2;
    QTest::newRow("no tokenizer") << QStringList{DELTASCOPE_DEMO "/lora-pirate", "--text", "a"} << 3;
    QTest::newRow("no such lines") << QStringList{DELTASCOPE_DEMO "/chat", "--jsonl", "/nowhere/texts.jsonl"} << 3;
    QTest::newRow("a folder of lines") << QStringList{DELTASCOPE_DEMO "/chat", "--jsonl", DELTASCOPE_DEMO} << 3;
  }
  void mistakesAreRefused() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    const auto run = runCli(QStringList{"tokenize"} + arguments);
    COMPARE_STATUS(run, status);
    QCOMPARE(run.errorLines().size(), 1);
    QCOMPARE(run.out, QByteArray());
  }
};

QTEST_GUILESS_MAIN(TestCliTokenize)
#include "test_cli_tokenize.moc"
