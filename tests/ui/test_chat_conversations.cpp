// SPDX-License-Identifier: GPL-3.0-or-later
#include <QClipboard>
#include <QComboBox>
#include <QListWidget>
#include <QSpinBox>

#include "tests/ui/chat_driver.h"

using namespace deltascope;
using namespace deltascope::ui;

/// What is said on the chat page: kept, edited, asked again, copied, found again.
class TestChatConversations : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void editingAsksAgainAndCanBeUndone();
  void regeneratesTheLastAnswer();
  void copiesAndExports();
  void conversationsComeBack();
  void unreadableConversationsAreSetAside();
  void conversationsAreRenamedDeletedAndRestored();
  void closingWhileAnsweringKeepsWhatWasSaid();
  void longConversationsShowTheirEndFirst();
  void fiveThousandTokensKeepTheWindowAlive();
  void anotherModelKeepsTheConversation();
};

void TestChatConversations::editingAsksAgainAndCanBeUndone() {
  Frame frame;
  openChat(frame);
  for (const char* text : {"one", "two", "three"}) {
    say(frame, text);
    QVERIFY(waitForAnswer(frame));
  }
  auto* input = frame.find<QPlainTextEdit>("chatInput");
  input->setPlainText("a draft");
  frame.find<QAbstractButton>("userEdit_2")->click();
  QCOMPARE(input->toPlainText(), QString("two"));
  QCOMPARE(labelText(frame, "chatEditing"), QString("Editing message 2: sending replaces it and removes what follows"));
  frame.find<QAbstractButton>("chatLeaveEditing")->click();
  QCOMPARE(input->toPlainText(), QString("a draft"));
  frame.find<QAbstractButton>("userEdit_2")->click();
  say(frame, "two, but other");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(input->toPlainText(), QString("a draft"));
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 2);
  QCOMPARE(textOf(frame, "userText_2"), QString("two, but other"));
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{3});
  QCOMPARE(said(frame), QString("Message edited; the message that followed was removed"));
  frame.find<QAbstractButton>("messageAction")->click();
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 3);
  QCOMPARE(textOf(frame, "userText_2"), QString("two"));
}

void TestChatConversations::regeneratesTheLastAnswer() {
  Frame frame;
  openChat(frame);
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  frame.chat.says = [](const LoadRequest&, const ChatTurn&) { return spoken("something else"); };
  frame.find<QAbstractButton>("answerAgain_1_0")->click();
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("something else"));
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 1);
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{1});
}

void TestChatConversations::copiesAndExports() {
  Frame frame;
  openChat(frame);
  say(frame, "What is *NF4*?");
  QVERIFY(waitForAnswer(frame));
  frame.find<QAbstractButton>("userCopy_1")->click();
  QCOMPARE(QGuiApplication::clipboard()->text(), QString("What is *NF4*?"));
  frame.trigger("actionChatCopyAnswer");
  QCOMPARE(QGuiApplication::clipboard()->text(), QString("NF4 is a four-bit data type"));
  frame.trigger("actionChatCopy");
  const QString whole = QGuiApplication::clipboard()->text();
  QVERIFY2(whole.startsWith("# What is *NF4*?\n\n**You**\n\nWhat is *NF4*?\n\n**exact (NF4 + delta) of chat-nf4**\n\nNF4 is a "
                            "four-bit data type\n\n*212 tok/s  ·  first token 31 ms  ·  peak 13.41 MiB  ·  7 tokens  ·  ended "
                            "by itself*\n\n*model chat-nf4, fingerprint f00d, temperature 0"),
           qPrintable(whole));
  QVERIFY(whole.contains("deltascope " DELTASCOPE_VERSION ", " + QDate::currentDate().toString(Qt::ISODate).left(7)));
  frame.dialogs.save = frame.scratch.filePath("talk");
  frame.trigger("actionChatExport");
  QFile file(frame.scratch.filePath("talk.md"));
  QVERIFY(file.open(QIODevice::ReadOnly));
  QCOMPARE(QString::fromUtf8(file.readAll()), whole);
  frame.dialogs.save = frame.scratch.filePath("no/such/folder/talk.md");
  frame.trigger("actionChatExport");
  QVERIFY(said(frame).startsWith("Exporting the conversation: "));
}

void TestChatConversations::conversationsComeBack() {
  Frame frame;
  openChat(frame);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  frame.find<QPlainTextEdit>("chatInput")->setPlainText("half a thought");
  frame.trigger("actionChatNew");
  say(frame, "Another");
  QVERIFY(waitForAnswer(frame));
  const QString first = chatPage(frame).conversation().id;
  auto* list = frame.find<QListWidget>("chatConversationList");
  QCOMPARE(list->count(), 2);
  frame.trigger("actionChatNext");
  QVERIFY(chatPage(frame).conversation().id != first);
  const Conversation before = chatPage(frame).conversation();
  frame.window->close();
  frame.open();
  QTRY_COMPARE(chatPage(frame).conversation(), before);
  QCOMPARE(frame.find<QListWidget>("chatConversationList")->count(), 2);
  QCOMPARE(frame.find<QPlainTextEdit>("chatInput")->toPlainText(), QString("half a thought"));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
}

void TestChatConversations::unreadableConversationsAreSetAside() {
  Frame frame;
  const QString folder = frame.scratch.filePath("data/conversations");
  QDir().mkpath(folder);
  const auto put = [&](const QString& name, const QByteArray& bytes) {
    QFile file(folder + "/" + name);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
  };
  Conversation good = newConversation();
  good.exchanges.append({.user = "Here", .answers = {}, .comparison = {}});
  put(good.id + ".json", toJson(good));
  put("cut.json", toJson(good).left(100));
  MainWindow& window = frame.open();
  window.showPage("chat");
  QTRY_COMPARE(said(frame), QString("A conversation could not be read and was set aside"));
  QVERIFY(frame.find<MessageBar>("messageBar")->message().details.contains("cut.json.unreadable: not JSON"));
  QFile aside(folder + "/cut.json.unreadable");
  QVERIFY(aside.open(QIODevice::ReadOnly));
  QCOMPARE(aside.readAll(), toJson(good).left(100));  // not a byte is lost
  QCOMPARE(frame.find<QListWidget>("chatConversationList")->count(), 2);
}

void TestChatConversations::conversationsAreRenamedDeletedAndRestored() {
  Frame frame;
  openChat(frame);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  auto* list = frame.find<QListWidget>("chatConversationList");
  list->currentItem()->setText("Formats");
  QCOMPARE(chatPage(frame).conversation().name, QString("Formats"));
  const QString id = chatPage(frame).conversation().id;
  const QString file = frame.scratch.filePath("data/conversations/" + id + ".json");
  QTRY_VERIFY(QFile::exists(file));
  list->setFocus();
  QTest::keyClick(list, Qt::Key_Delete);
  QCOMPARE(said(frame), QString("Deleted “Formats”"));
  QVERIFY(chatPage(frame).conversation().exchanges.isEmpty());
  QTRY_VERIFY(!QFile::exists(file));
  frame.find<QAbstractButton>("messageAction")->click();
  QCOMPARE(chatPage(frame).conversation().id, id);
  QTRY_VERIFY(QFile::exists(file));
}

void TestChatConversations::closingWhileAnsweringKeepsWhatWasSaid() {
  Frame frame;
  frame.chat.pauseAfter = 3;
  MainWindow& window = openChat(frame);
  say(frame, "What is NF4?");
  QTRY_COMPARE(frame.chat.answerGate.entered.load(), 1);
  frame.dialogs.answer = false;
  window.close();
  QCOMPARE(frame.dialogs.asked.size(), 1);
  QVERIFY(window.isVisible() && chatPage(frame).answering());
  frame.dialogs.answer = true;
  QElapsedTimer timer;
  timer.start();
  window.close();
  QTRY_VERIFY(!window.isVisible());
  QVERIFY2(timer.elapsed() < 500, qPrintable(QString::number(timer.elapsed())));
  frame.open();
  QTRY_COMPARE(chatPage(frame).conversation().exchanges.size(), 1);
  const Answer answer = chatPage(frame).conversation().exchanges.first().answers.first();
  QCOMPARE(answer.text, QString("NF4 is a"));
  QCOMPARE(answer.state, Answer::State::Stopped);
}

void TestChatConversations::longConversationsShowTheirEndFirst() {
  Frame frame;
  const QString folder = frame.scratch.filePath("data/conversations");
  QDir().mkpath(folder);
  Conversation conversation = newConversation();
  for (int i = 0; i < 200; ++i) {
    Answer answer;
    answer.state = Answer::State::Finished;
    answer.model = "exact";
    answer.text = QString("**Answer** %1\n\n- one\n- two\n\n```\ncode\n```\n").arg(i + 1);
    conversation.exchanges.append({.user = QString("Message %1").arg(i + 1), .answers = {answer}, .comparison = {}});
  }
  QFile file(folder + "/" + conversation.id + ".json");
  QVERIFY(file.open(QIODevice::WriteOnly));
  file.write(toJson(conversation));
  file.close();
  frame.settings->set(setting::kChatConversation, conversation.id);
  MainWindow& window = frame.open();
  window.showPage("chat");
  QTRY_VERIFY(window.findChild<MessageText*>("userText_200"));
  QVERIFY(!window.findChild<MessageText*>("userText_170"));
  auto* more = frame.find<QAbstractButton>("chatEarlier");
  QTRY_VERIFY(window.findChild<MessageText*>("userText_171"));
  QVERIFY(!window.findChild<MessageText*>("userText_170"));
  QCOMPARE(more->text(), QString("Show 30 earlier of 200"));
  more->click();
  QTRY_VERIFY(window.findChild<MessageText*>("userText_141"));
  QTRY_COMPARE(more->text(), QString("Show 30 earlier of 200"));
  QCOMPARE(textOf(frame, "userText_141"), QString("Message 141"));
  QTRY_VERIFY(frame.find<MessageText>("answerText_141_0")->isMarkdown());
}

void TestChatConversations::fiveThousandTokensKeepTheWindowAlive() {
  Frame frame;
  frame.chat.says = [](const LoadRequest&, const ChatTurn&) {
    std::vector<FakeToken> tokens;
    for (int i = 0; i < 5000; ++i)
      tokens.push_back({static_cast<TokenId>(i), i % 60 == 59 ? std::string("\n\n") : " word" + std::to_string(i % 100)});
    return tokens;
  };
  frame.chat.delay = std::chrono::microseconds(400);
  openChat(frame);
  frame.find<QSpinBox>("chatMaxTokens")->setValue(6000);
  QElapsedTimer gap;
  qint64 longest = 0;
  QTimer beat;
  connect(&beat, &QTimer::timeout, this, [&] { longest = std::max(longest, gap.restart()); });
  gap.start();
  beat.start(1);
  say(frame, "Write much");
  QVERIFY(waitForAnswer(frame));
  QTRY_VERIFY(frame.find<MessageText>("answerText_1_0")->isMarkdown());
  QTest::qWait(100);
  QVERIFY(labelText(frame, "answerFigures_1_0").contains("5,001 tokens"));
  // 50 ms on a machine of its own (bench_chat measures that); one that is shared gets time.
  QVERIFY2(longest < 400, qPrintable(QString::number(longest)));
}

void TestChatConversations::anotherModelKeepsTheConversation() {
  Frame frame;
  MainWindow& window = openChat(frame);
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  window.openPath(frame.model("plain"));
  QTRY_COMPARE(window.session().name(), QString("plain"));
  auto* variant = frame.find<QComboBox>("chatVariant");
  QTRY_COMPARE(variant->currentText(), QString("checkpoint"));
  QCOMPARE(variant->count(), 2);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 2);
  QVERIFY(!frame.chat.siblings.back());  // another base: nothing to share
  frame.trigger("actionCloseModel");
  QVERIFY(!frame.find("chatSend")->isEnabled());
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 2);
}

QTEST_MAIN(TestChatConversations)
#include "test_chat_conversations.moc"
