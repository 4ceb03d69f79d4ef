// SPDX-License-Identifier: GPL-3.0-or-later
#include <QPushButton>
#include <QTextBlock>
#include "tests/ui/chat_driver.h"
#include "ui/payload/state_stack.h"

using namespace deltascope;
using namespace deltascope::ui;

/// The chat page in the real window, over models that say what the test wants.
class TestChatPage : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void emptyStateSaysWhatToDo();
  void answersAreStreamedAndMeasured();
  void enterSendsAndShiftEnterDoesNot();
  void stopsWithin200Milliseconds_data();
  void stopsWithin200Milliseconds();
  void stopWhileLoading();
  void waitsForNoPack();
  void userTextIsNeverMarkup();
  void modelsMarkdownReachesNoFile();
  void errorsStayInPlace_data();
  void errorsStayInPlace();
  void bothThemesAreReadable_data();
  void bothThemesAreReadable();
};

void TestChatPage::emptyStateSaysWhatToDo() {
  Frame frame;
  MainWindow& window = frame.open();
  window.showPage("chat");
  auto* stack = frame.find<StateStack>("chatStack");
  QVERIFY(stack->words().startsWith("Here you talk with a model"));
  QCOMPARE(stack->button()->text(), QString("Try the demo"));
  QVERIFY(!frame.find("chatSend")->isEnabled());
  QCOMPARE(labelText(frame, "chatHint"), QString("No model is open: open one, or try the demo (Ctrl+T)."));
  window.openPath(frame.model("chat-nf4"));
  QTRY_COMPARE(stack->button()->text(), QString("Load chat-nf4"));
  QCOMPARE(window.currentPage(), QString("chat"));  // who is about to talk stays here
  stack->button()->click();
  QTRY_COMPARE(stack->words(), QString("exact (NF4 + delta) of chat-nf4 is in memory. Write a message below."));
  QCOMPARE(window.jobs().job(window.jobs().jobs().back())->spec.title, QString("Load exact (NF4 + delta) of chat-nf4"));
  QCOMPARE(labelText(frame, "chatModelState"), QString("In memory: exact (NF4 + delta)"));
  frame.trigger("actionChatUnload");
  QCOMPARE(labelText(frame, "chatModelState"), QString("Not in memory: the first message loads it."));
}

void TestChatPage::answersAreStreamedAndMeasured() {
  Frame frame;
  frame.chat.pauseAfter = 3;
  openChat(frame);
  say(frame, "What is NF4?");
  QTRY_COMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a"));  // while it is being written
  QCOMPARE(frame.find<QAbstractButton>("chatSend")->text(), QString("S&top"));
  QVERIFY(labelText(frame, "answerFigures_1_0").startsWith("3 tokens"));
  QVERIFY(labelText(frame, "answerFigures_1_0").contains("memory 13.00 MiB of 8.00 GiB, peak 13.19 MiB"));
  QVERIFY(!frame.find<MessageText>("answerText_1_0")->isMarkdown());
  frame.chat.answerGate.open = true;
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
  QTRY_VERIFY(frame.find<MessageText>("answerText_1_0")->isMarkdown());
  QCOMPARE(labelText(frame, "answerFigures_1_0"),
           QString("212 tok/s  ·  first token 31 ms  ·  peak 13.41 MiB  ·  7 tokens  ·  ended by itself"));
  QCOMPARE(labelText(frame, "answerModel_1_0"), QString("exact (NF4 + delta) of chat-nf4"));
  QCOMPARE(frame.find<QAbstractButton>("chatSend")->text(), QString("&Send"));
  QVERIFY(frame.find<QPlainTextEdit>("chatInput")->toPlainText().isEmpty());
  say(frame, "And FP4?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.requests.size(), std::size_t{1});  // it was in memory
  const auto expected = nlohmann::ordered_json::parse(
      R"([{"role":"user","content":"What is NF4?"},{"role":"assistant","content":"NF4 is a four-bit data type"},
          {"role":"user","content":"And FP4?"}])");
  QVERIFY(frame.chat.asked.back() == expected);
}

void TestChatPage::enterSendsAndShiftEnterDoesNot() {
  Frame frame;
  openChat(frame);
  auto* input = frame.find<QPlainTextEdit>("chatInput");
  QTest::keyClicks(input, "one");
  QTest::keyClick(input, Qt::Key_Return, Qt::ShiftModifier);
  QTest::keyClicks(input, "two");
  QVERIFY(!chatPage(frame).answering());
  QTest::keyClick(input, Qt::Key_Return);
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "userText_1"), QString("one\ntwo"));
  QTest::keyClick(input, Qt::Key_Return);  // nothing typed: nothing sent
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 1);
}

void TestChatPage::stopsWithin200Milliseconds_data() {
  QTest::addColumn<QString>("by");
  for (const char* by : {"button", "escape", "action"}) QTest::newRow(by) << QString(by);
}

void TestChatPage::stopsWithin200Milliseconds() {
  QFETCH(QString, by);
  Frame frame;
  frame.chat.pauseAfter = 3;
  MainWindow& window = openChat(frame);
  window.activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(&window));
  say(frame, "What is NF4?");
  QTRY_COMPARE(frame.chat.answerGate.entered.load(), 1);
  QTest::qWait(60);
  QElapsedTimer timer;
  timer.start();
  if (by == "button") frame.find<QAbstractButton>("chatSend")->click();
  if (by == "escape") QTest::keyClick(frame.find("chatInput"), Qt::Key_Escape);
  if (by == "action") frame.trigger("actionChatStop");
  QVERIFY(waitForAnswer(frame));
  QVERIFY2(timer.elapsed() < 200, qPrintable(QString::number(timer.elapsed())));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a"));  // what was said stays
  QVERIFY(labelText(frame, "answerFigures_1_0").endsWith("3 tokens  ·  stopped"));
  QCOMPARE(chatPage(frame).conversation().exchanges.first().answers.first().state, Answer::State::Stopped);
  frame.chat.answerGate.open = true;
  say(frame, "Go on");  // usable
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(chatPage(frame).conversation().exchanges.last().answers.first().state, Answer::State::Finished);
}

void TestChatPage::stopWhileLoading() {
  Frame frame;
  frame.chat.loadGate.open = false;
  MainWindow& window = openChat(frame);
  say(frame, "What is NF4?");
  QTRY_COMPARE(frame.chat.loadGate.entered.load(), 1);
  QTRY_VERIFY(labelText(frame, "answerFigures_1_0").startsWith("loading the model: reading  ·  61 %"));
  const JobId job = window.jobs().jobs().back();
  QCOMPARE(window.jobs().job(job)->spec.title, QString("Load exact (NF4 + delta)"));
  frame.trigger("actionChatStop");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(window.jobs().job(job)->state, JobState::Cancelled);
  QCOMPARE(labelText(frame, "answerFigures_1_0"), QString("stopped before the first token"));
  frame.chat.loadGate.open = true;
  frame.trigger("actionChatRegenerate");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
}

/// A model in memory answers beside a long job of the Work lane.
void TestChatPage::waitsForNoPack() {
  Frame frame;
  MainWindow& window = openChat(frame);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  frame.trigger("actionVerify");
  QTRY_COMPARE(frame.verifyGate.entered.load(), 1);
  say(frame, "And FP4?");
  QVERIFY(waitForAnswer(frame));
  QVERIFY(window.session().verifying());
  frame.verifyGate.open = true;
  QTRY_VERIFY(window.jobs().idle());
}

void TestChatPage::userTextIsNeverMarkup() {
  Frame frame;
  openChat(frame);
  const QString text = "<b>bold</b> <img src=\"file:///etc/passwd\"> **not bold** &amp;";
  frame.chat.says = [](const LoadRequest&, const ChatTurn&) { return spoken("a <script>alert(1)</script> **b**"); };
  say(frame, text);
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.find<MessageText>("userText_1")->toPlainText(), text);
  QVERIFY(!frame.find<MessageText>("userText_1")->isMarkdown());
  auto* answer = frame.find<MessageText>("answerText_1_0");
  QTRY_VERIFY(answer->isMarkdown());
  QCOMPARE(answer->toPlainText(), QString("a <script>alert(1)</script> b"));
}

void TestChatPage::modelsMarkdownReachesNoFile() {
  Frame frame;
  openChat(frame);
  QImage picture(8, 8, QImage::Format_RGB32);
  picture.fill(Qt::red);
  const QString path = frame.scratch.filePath("secret.png");
  QVERIFY(picture.save(path));
  frame.chat.says = [path](const LoadRequest&, const ChatTurn&) {
    return spoken("look ![picture](" + path.toStdString() + ") [link](https://example.org)");
  };
  say(frame, "Show me");
  QVERIFY(waitForAnswer(frame));
  auto* answer = frame.find<MessageText>("answerText_1_0");
  QTRY_VERIFY(answer->isMarkdown());
  QCOMPARE(answer->toPlainText(), QString("look [picture: %1] link").arg(path));
  const QImage shown = answer->grab().toImage();
  for (int y = 0; y < shown.height(); ++y)
    for (int x = 0; x < shown.width(); ++x) QVERIFY(shown.pixelColor(x, y) != QColor(Qt::red));
}

void TestChatPage::errorsStayInPlace_data() {
  QTest::addColumn<bool>("loading");
  QTest::addColumn<int>("code");
  QTest::addColumn<QString>("message");
  QTest::addColumn<QString>("hint");
  const auto row = [](const char* name, bool loading, ErrorCode code, const char* message, const char* hint) {
    QTest::newRow(name) << loading << static_cast<int>(code) << QString(message) << QString(hint);
  };
  row("no template", false, ErrorCode::NotFound, "chat has no chat template", "add a chat_template.jinja");
  row("too long", false, ErrorCode::InvalidArgument, "the prompt has 3,000 tokens, the context 2,048", "use a longer context");
  row("another base", true, ErrorCode::Mismatch, "lora belongs to another base", "choose the base it was made over");
  row("out of memory", true, ErrorCode::OutOfMemory, "not enough memory for the kv cache", "use a shorter context");
}

void TestChatPage::errorsStayInPlace() {
  QFETCH(bool, loading);
  QFETCH(int, code);
  QFETCH(QString, message);
  QFETCH(QString, hint);
  Frame frame;
  openChat(frame);
  const Error error{static_cast<ErrorCode>(code), message.toStdString(), hint.toStdString()};
  (loading ? frame.chat.loadError : frame.chat.answerError) = error;
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  const QString expected = loading ? "✕ Loading exact (NF4 + delta): " + message : "✕ " + message;
  QCOMPARE(labelText(frame, "answerProblem_1_0"), expected);
  QCOMPARE(labelText(frame, "answerNextStep_1_0"), hint.left(1).toUpper() + hint.mid(1));
  QVERIFY(frame.find("answerProblem_1_0")->isVisible());
  QCOMPARE(textOf(frame, "userText_1"), QString("What is NF4?"));
  frame.chat.loadError.reset();
  frame.chat.answerError.reset();
  frame.find<QAbstractButton>("answerAgain_1_0")->click();
  QVERIFY(waitForAnswer(frame));
  QVERIFY(frame.find("answerProblem_1_0")->isHidden());
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
}

void TestChatPage::bothThemesAreReadable_data() {
  QTest::addColumn<QString>("theme");
  QTest::newRow("light") << "Light";
  QTest::newRow("dark") << "Dark";
}

/// Text against its ground, 4.5 : 1 at least (WCAG 2.1 AA): answers, links, the mark of a difference, the user's card.
void TestChatPage::bothThemesAreReadable() {
  QFETCH(QString, theme);
  Frame frame;
  frame.chat.says = [](const LoadRequest& request, const ChatTurn&) {
    return spoken(request.baseOnly ? "a [link](https://example.org) here" : "a [link](https://example.org)");
  };
  openChat(frame);
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  chatPage(frame).setCompare(VariantKind::Base);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  QTRY_VERIFY(frame.find<MessageText>("answerText_1_0")->isMarkdown());
  frame.trigger("actionTheme" + theme);
  const ThemeColors& colors = theme == "Dark" ? darkColors() : lightColors();
  QTRY_COMPARE(chatPage(frame).palette().color(QPalette::Window), colors.window);
  const auto* answer = frame.find<MessageText>("answerText_1_0");
  QVERIFY(contrastRatio(answer->palette().color(QPalette::Text), colors.window) >= 4.5);
  QColor link;
  for (auto it = answer->document()->begin().begin(); !it.atEnd(); ++it)
    if (it.fragment().charFormat().isAnchor()) link = it.fragment().charFormat().foreground().color();
  QVERIFY(link.isValid());
  QVERIFY2(contrastRatio(link, colors.window) >= 4.5, qPrintable(link.name()));
  QVERIFY(contrastRatio(colors.text, colors.base) >= 4.5);
  const auto marks = frame.find<MessageText>("answerText_2_1")->extraSelections();
  QCOMPARE(marks.size(), 1);
  const QColor ground = marks.first().format.background().color();
  const auto over = [&](int top, int bottom) {
    return qRound(double(top) * double(ground.alphaF()) + double(bottom) * (1 - double(ground.alphaF())));
  };
  const QColor blended(over(ground.red(), colors.window.red()), over(ground.green(), colors.window.green()),
                       over(ground.blue(), colors.window.blue()));
  QVERIFY(contrastRatio(colors.text, blended) >= 4.5);
  QVERIFY(marks.first().format.fontUnderline());  // a shape beside the colour
}

QTEST_MAIN(TestChatPage)
#include "test_chat_page.moc"
