// SPDX-License-Identifier: GPL-3.0-or-later
#include <QRegularExpression>

#include "core/base/units.h"
#include "tests/ui/chat_driver.h"

using namespace deltascope;
using namespace deltascope::ui;

/// Whose memory an answer tells of: that of the model which gave it, whatever else is loaded.
class TestChatPeaks : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    (void)Frame::look();
    PackRequest request;
    request.final = DELTASCOPE_DEMO "/chat";
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    request.out = m_packed.toStdString();
    QVERIFY(pack(request, {}));
  }
  void init() { beStrict(); }

  void eachSideTellsItsOwnPeak();
  void whatBothHoldIsNotTheAnswers();
  void theBaseTakesLessThanBaseAndDelta_data();
  void theBaseTakesLessThanBaseAndDelta();
  void anAnswerSaysOfWhichModelItIs();
  void whoseFilesAModelUsesIsSaid();

 private:
  static ChatPage& open(Frame& frame, const QString& path) {
    openChatOn(frame, path);
    return chatPage(frame);
  }
  static QString words(std::uint64_t bytes) { return "peak " + QString::fromStdString(formatGib(bytes)) + "  ·"; }

  QTemporaryDir m_scratch;
  QString m_packed = m_scratch.filePath("chat-nf4");
};

void TestChatPeaks::eachSideTellsItsOwnPeak() {
  Frame frame;
  ChatPage& page = open(frame, frame.model("chat-nf4"));
  page.setCompare(VariantKind::Base);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  const QString exact = labelText(frame, "answerFigures_1_0"), base = labelText(frame, "answerFigures_1_1");
  QVERIFY2(exact.contains(words(FakeChat::kExactPeak)), qPrintable(exact));
  QVERIFY2(base.contains(words(FakeChat::kBasePeak)), qPrintable(base));
  const Exchange& exchange = page.conversation().exchanges.back();
  QCOMPARE(exchange.answers[0].peakMemoryBytes, FakeChat::kExactPeak);
  QCOMPARE(exchange.answers[1].peakMemoryBytes, FakeChat::kBasePeak);
  QCOMPARE(exchange.answers[0].processBytes, std::uint64_t{1} << 30);
}

/// While an answer comes, memory is that of all models in memory, and called that.
void TestChatPeaks::whatBothHoldIsNotTheAnswers() {
  Frame frame;
  frame.chat.pauseAfter = 2;
  ChatPage& page = open(frame, frame.model("chat-nf4"));
  say(frame, "What is NF4?");
  QTRY_VERIFY2(labelText(frame, "answerFigures_1_0").contains("  ·  memory 13.00 MiB of"),
               qPrintable(labelText(frame, "answerFigures_1_0")));
  frame.chat.answerGate.open = true;
  QVERIFY(waitForAnswer(frame));
  frame.chat.answerGate.open = false;
  page.setCompare(VariantKind::Base);
  say(frame, "And again?");
  QTRY_VERIFY2(labelText(frame, "answerFigures_2_0").contains("both models hold 13.00 MiB of"),
               qPrintable(labelText(frame, "answerFigures_2_0")));
  frame.chat.answerGate.open = true;
  QVERIFY(waitForAnswer(frame));
}

void TestChatPeaks::theBaseTakesLessThanBaseAndDelta_data() {
  QTest::addColumn<bool>("exactFirst");
  QTest::newRow("exact, then base only") << true;
  QTest::newRow("base only, then exact") << false;
}

/// With the real engine, in whichever order the models were loaded.
void TestChatPeaks::theBaseTakesLessThanBaseAndDelta() {
  QFETCH(bool, exactFirst);
  Frame frame;
  frame.engine = realEngine();
  ChatPage& page = open(frame, m_packed);
  if (!exactFirst) {
    page.setVariant(VariantKind::Base);
    say(frame, "Who are you?");
    QVERIFY(waitForAnswer(frame));
    page.setVariant(VariantKind::Whole);
  }
  page.setCompare(VariantKind::Base);
  for (int round = 0; round < 2; ++round) {
    say(frame, "What is NF4?");
    QVERIFY(waitForAnswer(frame));
    const auto& answers = page.conversation().exchanges.back().answers;
    QCOMPARE(answers.size(), 2);
    QVERIFY2(answers[1].peakMemoryBytes > 0 && answers[1].peakMemoryBytes < answers[0].peakMemoryBytes,
             qPrintable(QString("base %1, exact %2").arg(answers[1].peakMemoryBytes).arg(answers[0].peakMemoryBytes)));
    QVERIFY(answers[0].processBytes > answers[0].peakMemoryBytes);
  }
}

void TestChatPeaks::anAnswerSaysOfWhichModelItIs() {
  Frame frame;
  open(frame, frame.model("chat-nf4"));
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  frame.window->openPath(frame.model("other-nf4"));
  QTRY_VERIFY(frame.window->session().model()->files.path.filename() == "other-nf4");
  QCOMPARE(labelText(frame, "answerModel_1_0"), QString("exact (NF4 + delta) of chat-nf4"));
  say(frame, "And of you?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(labelText(frame, "answerModel_2_0"), QString("exact (NF4 + delta) of other-nf4"));
}

/// A payload that carries no files speaks with its base's.
void TestChatPeaks::whoseFilesAModelUsesIsSaid() {
  const QString payload = DELTASCOPE_DEMO "/base.delta.safetensors";
  LoadRequest load;
  load.path = payload.toStdString();
  load.base = DELTASCOPE_DEMO "/chat";
  auto model = Model::load(load, {});
  QVERIFY(model);
  const QString note = QString::fromStdString((*model)->companions().note);
  QVERIFY(!note.isEmpty());
  model = {};
  Frame frame;
  frame.engine = realEngine();
  openChatOn(frame, payload, DELTASCOPE_DEMO "/chat");
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(said(frame), note);
}

QTEST_MAIN(TestChatPeaks)
#include "test_chat_peaks.moc"
