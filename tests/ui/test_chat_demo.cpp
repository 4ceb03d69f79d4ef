// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QElapsedTimer>
#include <QLineEdit>

#include "tests/ui/chat_driver.h"
#include "ui/start/demo.h"

using namespace deltascope;
using namespace deltascope::ui;

/// The chat page over the real engine and the real demo model, from Try the demo on.
class TestChatDemo : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    (void)Frame::look();
    PackRequest request;
    request.final = DELTASCOPE_DEMO "/chat";
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    request.out = (m_scratch.path() + "/chat-nf4").toStdString();
    QVERIFY(pack(request, {}));
    PackRequest lora;
    lora.base = DELTASCOPE_DEMO "/chat";
    lora.adapters = {DELTASCOPE_DEMO "/lora-pirate"};
    lora.out = (m_scratch.path() + "/pirate.delta.safetensors").toStdString();
    QVERIFY(pack(lora, {}));
  }
  void init() { beStrict(); }

  void answersWhatTheCheckpointAnswers();
  void exactAndBaseStandSideBySide();
  void stacksTheAdapterWithoutReadingTheBaseAgain();
  void answersWithinABudget();
  void continuesRawText();

 private:
  void open(Frame& frame) const {
    frame.engine = realEngine();
    openChatOn(frame, m_scratch.path() + "/chat-nf4");
  }
  static void ask(const Frame& frame, const QString& text) {
    say(frame, text);
    QVERIFY(waitForAnswer(frame));
  }
  static QString answer(const Frame& frame, const QString& place) { return textOf(frame, "answerText_" + place); }
  static constexpr const char* kNf4 =
      "NF4 is a four-bit data type whose sixteen levels follow the quantiles of a normal distribution. Weights are split into "
      "blocks of sixty-four, each block is scaled by its largest absolute value, and every weight is stored as the index of "
      "the "
      "nearest level.";
  QTemporaryDir m_scratch;
};

void TestChatDemo::answersWhatTheCheckpointAnswers() {
  Frame frame;
  open(frame);
  ask(frame, "What is NF4?");
  QCOMPARE(answer(frame, "1_0"), QString(kNf4));
  const QString figures = labelText(frame, "answerFigures_1_0");
  QVERIFY2(figures.contains("63 tokens") && figures.contains("ended by itself") && figures.contains("MiB"),
           qPrintable(figures));
  ask(frame, "Who are you?");  // the conversation so far is still in the cache
  QVERIFY(!answer(frame, "2_0").isEmpty());
  qInfo("%s | %s", qPrintable(figures), qPrintable(labelText(frame, "answerFigures_2_0")));
}

void TestChatDemo::exactAndBaseStandSideBySide() {
  Frame frame;
  open(frame);
  chatPage(frame).setCompare(VariantKind::Base);
  ask(frame, "What is a lossless check?");
  QVERIFY(!answer(frame, "1_0").isEmpty() && !answer(frame, "1_1").isEmpty());
  const QString difference = labelText(frame, "answerDifference_1_0");
  QVERIFY2(difference.contains("difference"), qPrintable(difference));
  QCOMPARE(answer(frame, "1_0") == answer(frame, "1_1"), difference.contains("no difference"));
}

void TestChatDemo::stacksTheAdapterWithoutReadingTheBaseAgain() {
  Frame frame;
  open(frame);
  ask(frame, "Who are you?");
  const QString plain = answer(frame, "1_0");
  LoadRequest request;
  request.path = (m_scratch.path() + "/chat-nf4").toStdString();
  request.payloads = {(m_scratch.path() + "/pirate.delta.safetensors").toStdString()};
  const auto stacked = frame.engine.loadChat(request, {}, nullptr);
  QVERIFY2(stacked, stacked ? "" : describe(stacked.error()).c_str());
  ChatTurn turn;
  turn.messages = nlohmann::ordered_json::array({{{"role", "user"}, {"content", "Who are you?"}}});
  const auto pirate = (*stacked)->answer(turn, {});
  QVERIFY2(pirate, pirate ? "" : describe(pirate.error()).c_str());
  QVERIFY(QString::fromStdString(pirate->text) != plain);
}

void TestChatDemo::answersWithinABudget() {
  Frame frame;
  open(frame);
  frame.find<QLineEdit>("chatBudget")->setText("24 MiB");
  ask(frame, "What is NF4?");
  QCOMPARE(answer(frame, "1_0"), QString(kNf4));
  const auto peak = QRegularExpression("peak ([0-9.]+) MiB").match(labelText(frame, "answerFigures_1_0"));
  QVERIFY(peak.hasMatch());
  QVERIFY2(peak.captured(1).toDouble() <= 24.0, qPrintable(peak.captured(0)));
}

void TestChatDemo::continuesRawText() {
  Frame frame;
  open(frame);
  frame.find<QAbstractButton>("chatRaw")->click();
  ask(frame, "The kernel");
  QVERIFY(!answer(frame, "1_0").isEmpty());
  QVERIFY(frame.find("answerProblem_1_0")->isHidden());
}

QTEST_MAIN(TestChatDemo)
#include "test_chat_demo.moc"
