// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QtTest>

#include "ui/payload/tokenizer_fact.h"

using namespace deltascope;
using namespace deltascope::ui;

/// What the payload page's facts say of the model's tokenizer.
class TestTokenizerFact : public QObject {
  Q_OBJECT
 private slots:
  void namesClassAndStages_data();
  void namesClassAndStages();
  void forgetsTheModelBefore();
};

void TestTokenizerFact::namesClassAndStages_data() {
  QTest::addColumn<QString>("kind");
  QTest::addColumn<QString>("shown");
  QTest::newRow("class") << "LlamaTokenizer"
                         << "LlamaTokenizer, with the stages of its class";
  QTest::newRow("file") << "TokenizersBackend file"
                        << "TokenizersBackend, with the stages of tokenizer.json";
  QTest::newRow("refused") << ""
                           << "cannot be used: tokenizer.json: it has a stage of tomorrow";
  QTest::newRow("none") << "none"
                        << "";
}

void TestTokenizerFact::namesClassAndStages() {
  QFETCH(QString, kind);
  QFETCH(QString, shown);
  Engine engine;
  engine.tokenizer = [&](const auto&, const auto&) -> Result<TokenizerKind> {
    if (kind.isEmpty()) return fail(ErrorCode::Unsupported, "tokenizer.json: it has a stage of tomorrow");
    if (kind == "none") return fail(ErrorCode::NotFound, "no tokenizer.json");
    return TokenizerKind{kind.section(' ', 0, 0).toStdString(), kind.endsWith("file")};
  };
  JobRunner jobs;
  TokenizerFact fact(&engine, &jobs);
  QSignalSpy changed(&fact, &TokenizerFact::changed);
  fact.setModel("model", {});
  QTRY_COMPARE(changed.size(), 1);
  QCOMPARE(fact.text(), shown);
}

void TestTokenizerFact::forgetsTheModelBefore() {
  Engine engine;
  engine.tokenizer = [](const auto& path, const auto&) -> Result<TokenizerKind> { return TokenizerKind{path.string(), true}; };
  JobRunner jobs;
  TokenizerFact fact(&engine, &jobs);
  QSignalSpy changed(&fact, &TokenizerFact::changed);
  fact.setModel("one", {});
  fact.setModel("two", {});
  QTRY_COMPARE(fact.text(), QString("two, with the stages of tokenizer.json"));
  QTRY_VERIFY(jobs.idle());
  QCOMPARE(changed.size(), 1);
  fact.clear();
  QVERIFY(fact.text().isEmpty());
}

QTEST_MAIN(TestTokenizerFact)
#include "test_tokenizer_fact.moc"
