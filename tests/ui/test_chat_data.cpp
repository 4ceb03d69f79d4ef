// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/units.h"
#include "tests/ui/warnings.h"
#include "ui/chat/answer_words.h"
#include "ui/chat/conversation_store.h"
#include "ui/chat/memory_gauge.h"
#include "ui/chat/plan_model.h"
#include "ui/chat/run_settings.h"
#include "ui/chat/sampling_settings.h"
#include "ui/jobs/job_runner.h"

using namespace deltascope;
using namespace deltascope::ui;

/// The chat page's data, without a window.
class TestChatData : public QObject {
  Q_OBJECT
 private slots:
  void init() { failOnAnyWarning(); }
  void conversationsSurviveJson();
  void exportsTellWhereAnswersComeFrom();
  void untrustedJson_data();
  void untrustedJson();
  void everyTruncationIsRefused();
  void messagesAlternate();
  void titles_data();
  void titles();
  void figures_data();
  void figures();
  void comparisons_data();
  void comparisons();
  void storeWritesTheLatest();
  void storeSaysWhatFailed();
  void storeSetsAsideWhatIsAnother();
};

namespace {

Conversation sample() {
  Conversation conversation = newConversation();
  conversation.name = "Formats";
  conversation.system = "Be brief.";
  conversation.draft = "half a \"thought\"\n";
  Answer finished;
  finished.state = Answer::State::Finished;
  finished.model = "exact (NF4 + delta)";
  finished.text = "Grüße 🎉 <b>\n```\ncode\n```";
  finished.tokens = 12;
  finished.promptTokens = 5;
  finished.reusedTokens = 3;
  finished.tokensPerSecond = 211.53;
  finished.firstTokenMs = 31.25;
  finished.drafted = 9;
  finished.accepted = 6;
  finished.exactPasses = 5;
  finished.peakMemoryBytes = 14061404;
  finished.processBytes = 1'546'188'226;
  finished.sampling = "temperature 0.7, seed 18446744073709551615";
  finished.source = "chat-nf4";
  finished.fingerprint = "e7d6612de7d6612de7d6612de7d6612d";
  finished.seed = 18446744073709551615u;
  finished.version = "0.1.0";
  finished.when = QDateTime(QDate(2026, 11, 30), QTime(3, 4, 5), Qt::UTC);
  Answer failed;
  failed.state = Answer::State::Failed;
  failed.model = "base only";
  failed.problem = "no";
  failed.nextStep = "yes";
  Comparison comparison{.common = 3, .differs = true, .begin = 11, .length = {4, 0}};
  conversation.exchanges = {{.user = "What?", .answers = {finished, failed}, .comparison = comparison},
                            {.user = "And?", .answers = {}, .comparison = {}}};
  return conversation;
}

}  // namespace

void TestChatData::conversationsSurviveJson() {
  Conversation before = sample();
  before.changed = QDateTime::fromMSecsSinceEpoch(before.changed.toMSecsSinceEpoch(), Qt::UTC);
  const auto after = conversationFromJson(toJson(before));
  QVERIFY(after.has_value());
  QCOMPARE(*after, before);
}

void TestChatData::exportsTellWhereAnswersComeFrom() {
  const QString markdown = toMarkdown(sample());
  for (const char* said :
       {"**exact (NF4 + delta) of chat-nf4**", "model chat-nf4", "fingerprint e7d6612de7d6612de7d6612de7d6612d",
        "temperature 0.7", "seed 18446744073709551615", "deltascope 0.1.0", "2026-11-30T03:04:05Z"})
    QVERIFY2(markdown.contains(said), said);
  QVERIFY(figuresToolTip(sample().exchanges[0].answers[0]).contains("This whole program held 1.44 GiB then"));
}

void TestChatData::untrustedJson_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<bool>("readable");
  QTest::newRow("empty") << QByteArray() << false;
  QTest::newRow("array") << QByteArray("[]") << false;
  QTest::newRow("no exchanges") << QByteArray(R"({"format":1,"id":"a"})") << false;
  QTest::newRow("later format") << QByteArray(R"({"format":2,"id":"a","exchanges":[]})") << false;
  QTest::newRow("an exchange that is none") << QByteArray(R"({"format":1,"id":"a","exchanges":[3]})") << false;
  QTest::newRow("deep") << QByteArray(100000, '[') << false;
  QTest::newRow("senseless figures")
      << QByteArray(R"({"format":1,"id":"a","exchanges":[{"user":1,"answers":[{"tokens":-4,"tokens_per_second":-1e308,)"
                    R"("peak_memory_bytes":1e300,"state":"odd","stop_reason":7},2,3,4]}]})")
      << true;
}

void TestChatData::untrustedJson() {
  QFETCH(QByteArray, bytes);
  QFETCH(bool, readable);
  const auto conversation = conversationFromJson(bytes);
  QCOMPARE(conversation.has_value(), readable);
  if (!readable) {
    QVERIFY(!conversation.error().message.empty());
    return;
  }
  QCOMPARE(conversation->exchanges.size(), 1);
  QCOMPARE(conversation->exchanges[0].answers.size(), 2);
  const Answer& answer = conversation->exchanges[0].answers[0];
  QCOMPARE(answer.tokens, 0u);
  QCOMPARE(answer.tokensPerSecond, 0.0);
  QCOMPARE(answer.peakMemoryBytes, std::uint64_t{0});
}

void TestChatData::everyTruncationIsRefused() {
  const QByteArray whole = toJson(sample()).trimmed();
  for (qsizetype length = 0; length < whole.size(); ++length) QVERIFY(!conversationFromJson(whole.left(length)));
}

void TestChatData::messagesAlternate() {
  Conversation conversation = sample();
  const auto first = messagesFor(conversation, 1, 0);
  QCOMPARE(first.size(), std::size_t{4});
  QCOMPARE(first[0]["role"].get<std::string>(), std::string("system"));
  QCOMPARE(first[2]["role"].get<std::string>(), std::string("assistant"));
  const auto second = messagesFor(conversation, 1, 1);  // this one failed: the exchange is left out
  QCOMPARE(second.size(), std::size_t{2});
  QCOMPARE(second[1]["content"].get<std::string>(), std::string("And?"));
}

void TestChatData::titles_data() {
  QTest::addColumn<QString>("name");
  QTest::addColumn<QString>("user");
  QTest::addColumn<QString>("title");
  QTest::newRow("new") << QString() << QString() << "New conversation";
  QTest::newRow("first words") << QString() << "  What\nis  NF4? "
                               << "What is NF4?";
  QTest::newRow("long") << QString() << QString(400, 'x') << QString(48, 'x') + "…";
  QTest::newRow("given") << "Formats"
                         << "What is NF4?"
                         << "Formats";
}

void TestChatData::titles() {
  QFETCH(QString, name);
  QFETCH(QString, user);
  QFETCH(QString, title);
  Conversation conversation;
  conversation.name = name;
  if (!user.isEmpty()) conversation.exchanges.append({.user = user, .answers = {}, .comparison = {}});
  QCOMPARE(titleOf(conversation), title);
}

void TestChatData::figures_data() {
  QTest::addColumn<int>("reason");
  QTest::addColumn<double>("rate");
  QTest::addColumn<double>("first");
  QTest::addColumn<quint64>("peak");
  QTest::addColumn<quint32>("tokens");
  QTest::addColumn<QString>("words");
  const auto row = [](const char* name, StopReason reason, double rate, double first, quint64 peak, quint32 tokens,
                      const char* words) {
    QTest::newRow(name) << static_cast<int>(reason) << rate << first << peak << tokens << QString(words);
  };
  row("end", StopReason::End, 211.53, 31.25, 14061404, 128,
      "212 tok/s  ·  first token 31 ms  ·  peak 13.41 MiB  ·  128 tokens  ·  ended by itself");
  row("limit", StopReason::Length, 9.876, 2340, 2147483648, 1024,
      "9.88 tok/s  ·  first token 2.34 s  ·  peak 2.00 GiB  ·  1,024 tokens  ·  token limit reached");
  row("context", StopReason::Context, 50.04, 4.5, 0, 3, "50.0 tok/s  ·  first token 4.5 ms  ·  3 tokens  ·  context full");
  row("one token", StopReason::Cancelled, 0, 31, 0, 1, "first token 31 ms  ·  1 token  ·  stopped");
}

void TestChatData::figures() {
  QFETCH(int, reason);
  QFETCH(double, rate);
  QFETCH(double, first);
  QFETCH(quint64, peak);
  QFETCH(quint32, tokens);
  QFETCH(QString, words);
  Answer answer;
  answer.state = Answer::State::Finished;
  answer.stopReason = static_cast<StopReason>(reason);
  answer.tokensPerSecond = rate;
  answer.firstTokenMs = first;
  answer.peakMemoryBytes = peak;
  answer.tokens = tokens;
  QCOMPARE(figuresText(answer), words);
  answer.state = Answer::State::Waiting;
  QVERIFY(figuresText(answer).isEmpty());
  answer.state = Answer::State::Finished;
  answer.drafted = 90;
  answer.exactPasses = 40;
  QVERIFY(figuresText(answer).contains("tokens a pass"));
  if (tokens == 128) QVERIFY(figuresText(answer).contains("3.17 tokens a pass"));
  QVERIFY(figuresToolTip(answer).contains("0 of 90 were right"));
}

void TestChatData::comparisons_data() {
  QTest::addColumn<QList<int>>("first");
  QTest::addColumn<QList<int>>("second");
  QTest::addColumn<bool>("ended");
  QTest::addColumn<QString>("words");
  QTest::addColumn<qint64>("begin");
  using Ids = QList<int>;
  QTest::newRow("at once") << Ids{1} << Ids{2} << true << "first difference at token 1" << qint64{0};
  QTest::newRow("later") << Ids{1, 2, 3} << Ids{1, 2, 4} << true << "first difference at token 3" << qint64{4};
  QTest::newRow("the same") << Ids{1, 2} << Ids{1, 2} << true << "no difference in 2 tokens" << qint64{4};
  QTest::newRow("one") << Ids{1} << Ids{1} << false << "no difference in 1 token" << qint64{2};
  QTest::newRow("cut short") << Ids{1, 2} << Ids{1} << false << "no difference in 1 token" << qint64{2};
  QTest::newRow("ends earlier") << Ids{1, 2} << Ids{1} << true << "first difference at token 2" << qint64{2};
}

void TestChatData::comparisons() {
  QFETCH(QList<int>, first);
  QFETCH(QList<int>, second);
  QFETCH(bool, ended);
  QFETCH(QString, words);
  QFETCH(qint64, begin);
  const auto tokens = [](const QList<int>& ids) {
    std::vector<SpokenToken> made;
    for (const int id : ids) made.push_back({static_cast<TokenId>(id), 2});
    return made;
  };
  const Comparison comparison = compareAnswers(tokens(first), tokens(second), ended);
  QCOMPARE(comparisonText(comparison), words);
  QCOMPARE(comparison.begin, begin);
}

void TestChatData::storeWritesTheLatest() {
  QTemporaryDir scratch;
  JobRunner jobs;
  ConversationStore store(scratch.filePath("new/folder"), &jobs);
  Conversation conversation = sample();
  store.save(conversation);
  conversation.draft = "later";
  store.save(conversation);
  QTRY_COMPARE(readConversations(scratch.filePath("new/folder")).conversations.size(), 1);
  QTRY_VERIFY(jobs.idle());
  QCOMPARE(readConversations(scratch.filePath("new/folder")).conversations.first().draft, QString("later"));
  conversation.draft = "last";
  store.save(conversation);
  QVERIFY(store.flush().has_value());
  QCOMPARE(readConversations(scratch.filePath("new/folder")).conversations.first().draft, QString("last"));
  store.remove(conversation.id);
  QVERIFY(store.flush().has_value());
  QVERIFY(readConversations(scratch.filePath("new/folder")).conversations.isEmpty());
}

void TestChatData::storeSaysWhatFailed() {
  QTemporaryDir scratch;
  QFile file(scratch.filePath("file"));
  QVERIFY(file.open(QIODevice::WriteOnly));
  JobRunner jobs;
  ConversationStore store(scratch.filePath("file/folder"), &jobs);
  QString said;
  connect(&store, &ConversationStore::failed, this, [&](const Error& error) { said = QString::fromStdString(error.message); });
  store.save(sample());
  QTRY_VERIFY(said.contains("could not be made"));
}

void TestChatData::storeSetsAsideWhatIsAnother() {
  QTemporaryDir scratch;
  for (int round = 1; round <= 2; ++round) {
    QFile file(scratch.filePath("copy.json"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(toJson(sample()));
    file.close();
    const StoredConversations stored = readConversations(scratch.path());
    QVERIFY(stored.conversations.isEmpty());
    QCOMPARE(stored.setAside.size(), 1);
    QVERIFY(stored.setAside.first().endsWith("holds the conversation of another file"));
    QVERIFY(!QFile::exists(scratch.filePath("copy.json")));
  }
  QVERIFY(QFile::exists(scratch.filePath("copy.json.unreadable")));
  QVERIFY(QFile::exists(scratch.filePath("copy.json.unreadable-2")));
}

QTEST_GUILESS_MAIN(TestChatData)
#include "test_chat_data.moc"
