// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QJsonDocument>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTableView>
#include <QTextBlock>

#include "tests/ui/frame_fixture.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/message_text.h"
#include "ui/frame/message_bar.h"
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
  void editingAsksAgainAndCanBeUndone();
  void regeneratesTheLastAnswer();
  void copiesAndExports();
  void variantsShareTheBase();
  void payloadsStackInOrder();
  void comparesTwoModels_data();
  void comparesTwoModels();
  void planIsShownAndRefused();
  void errorsStayInPlace_data();
  void errorsStayInPlace();
  void samplingReachesTheModel();
  void conversationsComeBack();
  void unreadableConversationsAreSetAside();
  void conversationsAreRenamedDeletedAndRestored();
  void closingWhileAnsweringKeepsWhatWasSaid();
  void longConversationsShowTheirEndFirst();
  void fiveThousandTokensKeepTheWindowAlive();
  void anotherModelKeepsTheConversation();
  void sendingWaitsForALoadThatRuns();
  void aModelThatWasClosedIsNotKept();
  void rawTextGoesWithoutATemplate();
  void bothThemesAreReadable_data();
  void bothThemesAreReadable();

 private:
  static MainWindow& openChat(Frame& frame, const QString& model = "chat-nf4") {
    MainWindow& window = frame.open();
    window.showPage("chat");
    window.openPath(frame.model(model));
    if (!QTest::qWaitFor([&] { return window.session().model() != nullptr; })) qFatal("the model did not open");
    return window;
  }
  static ChatPage& page(const Frame& frame) { return *frame.window->findChild<ChatPage*>(); }
  static void say(Frame& frame, const QString& text) {
    frame.find<QPlainTextEdit>("chatInput")->setPlainText(text);
    frame.find<QAbstractButton>("chatSend")->click();
  }
  static bool waitForAnswer(const Frame& frame) {
    return QTest::qWaitFor([&] { return !page(frame).answering(); }, 60000);
  }
  static QString label(const Frame& frame, const QString& name) {
    return frame.find<QLabel>(name)->text().replace(QChar::Nbsp, u' ');
  }
  static QString textOf(const Frame& frame, const QString& name) { return frame.find<MessageText>(name)->plain(); }
  static QString said(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message().text; }
};

void TestChatPage::emptyStateSaysWhatToDo() {
  Frame frame;
  MainWindow& window = frame.open();
  window.showPage("chat");
  auto* stack = frame.find<StateStack>("chatStack");
  QVERIFY(stack->words().startsWith("Here you talk with a model"));
  QCOMPARE(stack->button()->text(), QString("Try the demo"));
  QVERIFY(!frame.find("chatSend")->isEnabled());
  QCOMPARE(label(frame, "chatHint"), QString("No model is open: open one, or try the demo (Ctrl+T)."));
  window.openPath(frame.model("chat-nf4"));
  QTRY_COMPARE(stack->button()->text(), QString("Load chat-nf4"));
  QCOMPARE(window.currentPage(), QString("chat"));  // who is about to talk stays here
  stack->button()->click();
  QTRY_COMPARE(stack->words(), QString("exact (NF4 + delta) of chat-nf4 is in memory. Write a message below."));
  QCOMPARE(window.jobs().job(window.jobs().jobs().back())->spec.title, QString("Load exact (NF4 + delta) of chat-nf4"));
  QCOMPARE(label(frame, "chatModelState"), QString("In memory: exact (NF4 + delta)"));
  frame.trigger("actionChatUnload");
  QCOMPARE(label(frame, "chatModelState"), QString("Not in memory: the first message loads it."));
}

void TestChatPage::answersAreStreamedAndMeasured() {
  Frame frame;
  frame.chat.pauseAfter = 3;
  openChat(frame);
  say(frame, "What is NF4?");
  QTRY_COMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a"));  // while it is being written
  QCOMPARE(frame.find<QAbstractButton>("chatSend")->text(), QString("S&top"));
  QVERIFY(label(frame, "answerFigures_1_0").startsWith("3 tokens"));
  QVERIFY(label(frame, "answerFigures_1_0").contains("memory 13.00 MiB of 8.00 GiB, peak 13.19 MiB"));
  QVERIFY(!frame.find<MessageText>("answerText_1_0")->isMarkdown());
  frame.chat.answerGate.open = true;
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
  QTRY_VERIFY(frame.find<MessageText>("answerText_1_0")->isMarkdown());
  QCOMPARE(label(frame, "answerFigures_1_0"),
           QString("212 tok/s  ·  first token 31 ms  ·  peak 13.41 MiB  ·  7 tokens  ·  ended by itself"));
  QCOMPARE(label(frame, "answerModel_1_0"), QString("exact (NF4 + delta) of chat-nf4"));
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
  QVERIFY(!page(frame).answering());
  QTest::keyClick(input, Qt::Key_Return);
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "userText_1"), QString("one\ntwo"));
  QTest::keyClick(input, Qt::Key_Return);  // nothing typed: nothing sent
  QCOMPARE(page(frame).conversation().exchanges.size(), 1);
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
  QVERIFY(label(frame, "answerFigures_1_0").endsWith("3 tokens  ·  stopped"));
  QCOMPARE(page(frame).conversation().exchanges.first().answers.first().state, Answer::State::Stopped);
  frame.chat.answerGate.open = true;
  say(frame, "Go on");  // usable
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(page(frame).conversation().exchanges.last().answers.first().state, Answer::State::Finished);
}

void TestChatPage::stopWhileLoading() {
  Frame frame;
  frame.chat.loadGate.open = false;
  MainWindow& window = openChat(frame);
  say(frame, "What is NF4?");
  QTRY_COMPARE(frame.chat.loadGate.entered.load(), 1);
  QTRY_VERIFY(label(frame, "answerFigures_1_0").startsWith("loading the model: reading  ·  61 %"));
  const JobId job = window.jobs().jobs().back();
  QCOMPARE(window.jobs().job(job)->spec.title, QString("Load exact (NF4 + delta)"));
  frame.trigger("actionChatStop");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(window.jobs().job(job)->state, JobState::Cancelled);
  QCOMPARE(label(frame, "answerFigures_1_0"), QString("stopped before the first token"));
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

void TestChatPage::editingAsksAgainAndCanBeUndone() {
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
  QCOMPARE(label(frame, "chatEditing"), QString("Editing message 2: sending replaces it and removes what follows"));
  frame.find<QAbstractButton>("chatLeaveEditing")->click();
  QCOMPARE(input->toPlainText(), QString("a draft"));
  frame.find<QAbstractButton>("userEdit_2")->click();
  say(frame, "two, but other");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(input->toPlainText(), QString("a draft"));
  QCOMPARE(page(frame).conversation().exchanges.size(), 2);
  QCOMPARE(textOf(frame, "userText_2"), QString("two, but other"));
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{3});
  QCOMPARE(said(frame), QString("Message edited; the message that followed was removed"));
  frame.find<QAbstractButton>("messageAction")->click();
  QCOMPARE(page(frame).conversation().exchanges.size(), 3);
  QCOMPARE(textOf(frame, "userText_2"), QString("two"));
}

void TestChatPage::regeneratesTheLastAnswer() {
  Frame frame;
  openChat(frame);
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  frame.chat.says = [](const LoadRequest&, const ChatTurn&) { return spoken("something else"); };
  frame.find<QAbstractButton>("answerAgain_1_0")->click();
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("something else"));
  QCOMPARE(page(frame).conversation().exchanges.size(), 1);
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{1});
}

void TestChatPage::copiesAndExports() {
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

void TestChatPage::variantsShareTheBase() {
  Frame frame;
  openChat(frame);
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  page(frame).setVariant(VariantKind::Base);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.requests.size(), std::size_t{2});
  QVERIFY(!frame.chat.requests[0].baseOnly && !frame.chat.siblings[0]);
  QVERIFY(frame.chat.requests[1].baseOnly && frame.chat.siblings[1]);  // what was there, not read again
  QCOMPARE(page(frame).conversation().exchanges.size(), 2);
  QCOMPARE(label(frame, "answerModel_2_0"), QString("base only of chat-nf4"));
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{3});
  frame.find<QLineEdit>("chatBudget")->setText("16 MiB");
  say(frame, "three");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.requests.size(), std::size_t{3});
  QCOMPARE(frame.chat.requests[2].memoryBudget.value_or(0), std::uint64_t{16} << 20);
}

void TestChatPage::payloadsStackInOrder() {
  Frame frame;
  openChat(frame);
  auto* variant = frame.find<QComboBox>("chatVariant");
  QCOMPARE(variant->count(), 3);
  page(frame).setVariant(VariantKind::Stack);
  QVERIFY(label(frame, "chatHint").startsWith("There is no payload to stack"));
  QVERIFY(!frame.find("chatSend")->isEnabled());
  frame.trigger("actionChatPanel");
  frame.dialogs.file = frame.scratch.filePath("lora.delta.safetensors");
  frame.find<QAbstractButton>("chatPayloadAddFile")->click();
  frame.dialogs.folder = frame.model("tuned");
  frame.find<QAbstractButton>("chatPayloadAddFolder")->click();
  QCOMPARE(variant->currentText(), QString("exact + lora + tuned"));
  frame.find<QAbstractButton>("chatPayloadUp")->click();
  QCOMPARE(variant->currentText(), QString("exact + tuned + lora"));
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  const std::vector<std::filesystem::path> expected{frame.model("tuned").toStdString(), frame.dialogs.file.toStdString()};
  QVERIFY(frame.chat.requests.back().payloads == expected);
  frame.find<QAbstractButton>("chatPayloadRemove")->click();
  QCOMPARE(variant->currentText(), QString("exact + lora"));
}

void TestChatPage::comparesTwoModels_data() {
  QTest::addColumn<QString>("first");
  QTest::addColumn<QString>("second");
  QTest::addColumn<QString>("firstWords");
  QTest::addColumn<QString>("secondWords");
  QTest::newRow("they part") << "NF4 is a four-bit type"
                             << "NF4 is a kind of number"
                             << "≠ first difference at token 4: “four-bit”"
                             << "≠ first difference at token 4: “kind”";
  QTest::newRow("the same") << "NF4 is a type"
                            << "NF4 is a type"
                            << "= no difference in 5 tokens"
                            << "= no difference in 5 tokens";
  QTest::newRow("one goes on") << "NF4 is"
                               << "NF4 is a type"
                               << "≠ first difference at token 3: ends here"
                               << "≠ first difference at token 3: “a”";
}

void TestChatPage::comparesTwoModels() {
  QFETCH(QString, first);
  QFETCH(QString, second);
  QFETCH(QString, firstWords);
  QFETCH(QString, secondWords);
  Frame frame;
  frame.chat.says = [=](const LoadRequest& request, const ChatTurn&) {
    return spoken((request.baseOnly ? second : first).toStdString());
  };
  openChat(frame);
  page(frame).setCompare(VariantKind::Base);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), first);
  QCOMPARE(textOf(frame, "answerText_1_1"), second);
  QCOMPARE(label(frame, "answerDifference_1_0"), firstWords);
  QCOMPARE(label(frame, "answerDifference_1_1"), secondWords);
  QCOMPARE(frame.find<MessageText>("answerText_1_1")->extraSelections().size(), secondWords.startsWith("≠") ? 1 : 0);
  QVERIFY(label(frame, "answerFigures_1_1").startsWith("212 tok/s"));
  QVERIFY(frame.chat.siblings[1]);
  // Each goes on with what it said itself.
  say(frame, "And?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.asked[2][1]["content"].get<std::string>(), first.toStdString());
  QCOMPARE(frame.chat.asked[3][1]["content"].get<std::string>(), second.toStdString());
  QCOMPARE(frame.chat.requests.size(), std::size_t{2});  // both stay in memory
}

void TestChatPage::planIsShownAndRefused() {
  Frame frame;
  openChat(frame);
  frame.trigger("actionChatPlan");
  auto* table = frame.find<QTableView>("chatPlanTable");
  QTRY_VERIFY(table->isVisible());
  QCOMPARE(table->model()->rowCount(), 12);
  QCOMPARE(label(frame, "chatPlanSummary"),
           QString("exact (NF4 + delta). Expected peak 4.18 MiB of 8.00 GiB (what is free). Tensors: 8 static, 4 jit."));
  QVERIFY(frame.find("chatGauge")->accessibleName().endsWith("expected peak 4.18 MiB of 8.00 GiB"));
  frame.dialogs.save = frame.scratch.filePath("plan.csv");
  frame.trigger("actionChatExportPlan");
  QFile file(frame.dialogs.save);
  QVERIFY(file.open(QIODevice::ReadOnly));
  const auto lines = file.readAll().split('\n');
  QCOMPARE(lines[0], QByteArray("tensor,placement,resident_bytes,final_bytes,base_bytes,delta_bytes\r"));
  QCOMPARE(lines[1], QByteArray("model.layers.0.self_attn.q_proj.weight,static,262144,262144,73728,110000\r"));
  QCOMPARE(lines.size(), 14);
  auto* budget = frame.find<QLineEdit>("chatBudget");
  budget->setText("1 MiB");
  QTRY_COMPARE(label(frame, "chatBudgetProblem"),
               QString("✕ a budget of 1.00 MiB is too small. Give at least 4.00 MiB, or a shorter context"));
  QVERIFY(label(frame, "chatPlanProblem").startsWith("✕ a budget of 1.00 MiB is too small"));
  QVERIFY(table->isHidden());
  budget->setText("many");
  QCOMPARE(label(frame, "chatBudgetProblem"), QString("✕ not a size: write a number with a unit, such as 512 MiB or 5.3 GiB"));
  QVERIFY(!frame.find<QAction>("actionChatLoad")->isEnabled());
  const int before = frame.chat.plans;
  for (const char* size : {"8 MiB", "9 MiB", "10 MiB"}) budget->setText(size);
  QTRY_VERIFY(table->isVisible());
  QCOMPARE(frame.chat.plans.load(), before + 1);  // one for all three
  QVERIFY(label(frame, "chatPlanSummary").contains("of 10.00 MiB (the budget)"));
  QVERIFY(frame.find("chatBudgetProblem")->isHidden());
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
  QCOMPARE(label(frame, "answerProblem_1_0"), expected);
  QCOMPARE(label(frame, "answerNextStep_1_0"), hint.left(1).toUpper() + hint.mid(1));
  QVERIFY(frame.find("answerProblem_1_0")->isVisible());
  QCOMPARE(textOf(frame, "userText_1"), QString("What is NF4?"));
  frame.chat.loadError.reset();
  frame.chat.answerError.reset();
  frame.find<QAbstractButton>("answerAgain_1_0")->click();
  QVERIFY(waitForAnswer(frame));
  QVERIFY(frame.find("answerProblem_1_0")->isHidden());
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
}

void TestChatPage::samplingReachesTheModel() {
  Frame frame;
  openChat(frame);
  frame.trigger("actionChatPanel");
  auto* preset = frame.find<QComboBox>("chatPreset");
  QCOMPARE(preset->currentText(), QString("Greedy"));
  QTest::keyClick(preset, Qt::Key_Down);
  QCOMPARE(preset->currentText(), QString("Balanced"));
  QCOMPARE(label(frame, "chatSamplingLine"), QString("temperature 0.7, top-p 0.95, seed –"));
  auto* seed = frame.find<QLineEdit>("chatSeed");
  seed->setText("minus one");
  QVERIFY(frame.find("chatSeedProblem")->isVisible());
  QVERIFY(label(frame, "chatHint").startsWith("The seed in the settings"));
  seed->setText("18446744073709551615");
  QVERIFY(frame.find("chatSeedProblem")->isHidden());
  frame.find<QPlainTextEdit>("chatSystem")->setPlainText("Be brief.");
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.samplings.back().temperature, 0.7f);
  QCOMPARE(frame.chat.samplings.back().seed, std::numeric_limits<std::uint64_t>::max());
  QCOMPARE(frame.chat.asked.back()[0]["content"].get<std::string>(), std::string("Be brief."));
  auto* name = frame.find<QLineEdit>("chatPresetName");
  name->setText("Greedy");
  frame.find<QAbstractButton>("chatPresetSave")->click();
  QVERIFY(frame.find("chatPresetProblem")->isVisible());
  frame.find<QDoubleSpinBox>("chatTemperature")->setValue(0.3);
  name->setText("Mine");
  frame.find<QAbstractButton>("chatPresetSave")->click();
  QCOMPARE(preset->currentText(), QString("Mine"));
  frame.window->close();
  frame.open();
  QCOMPARE(frame.find<QComboBox>("chatPreset")->currentText(), QString("Mine"));
  frame.find<QAbstractButton>("chatPresetRemove")->click();
  QCOMPARE(frame.find<QComboBox>("chatPreset")->count(), 3);
}

void TestChatPage::conversationsComeBack() {
  Frame frame;
  openChat(frame);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  frame.find<QPlainTextEdit>("chatInput")->setPlainText("half a thought");
  frame.trigger("actionChatNew");
  say(frame, "Another");
  QVERIFY(waitForAnswer(frame));
  const QString first = page(frame).conversation().id;
  auto* list = frame.find<QListWidget>("chatConversationList");
  QCOMPARE(list->count(), 2);
  frame.trigger("actionChatNext");
  QVERIFY(page(frame).conversation().id != first);
  const Conversation before = page(frame).conversation();
  frame.window->close();
  frame.open();
  QTRY_COMPARE(page(frame).conversation(), before);
  QCOMPARE(frame.find<QListWidget>("chatConversationList")->count(), 2);
  QCOMPARE(frame.find<QPlainTextEdit>("chatInput")->toPlainText(), QString("half a thought"));
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
}

void TestChatPage::unreadableConversationsAreSetAside() {
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

void TestChatPage::conversationsAreRenamedDeletedAndRestored() {
  Frame frame;
  openChat(frame);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  auto* list = frame.find<QListWidget>("chatConversationList");
  list->currentItem()->setText("Formats");
  QCOMPARE(page(frame).conversation().name, QString("Formats"));
  const QString id = page(frame).conversation().id;
  const QString file = frame.scratch.filePath("data/conversations/" + id + ".json");
  QTRY_VERIFY(QFile::exists(file));
  list->setFocus();
  QTest::keyClick(list, Qt::Key_Delete);
  QCOMPARE(said(frame), QString("Deleted “Formats”"));
  QVERIFY(page(frame).conversation().exchanges.isEmpty());
  QTRY_VERIFY(!QFile::exists(file));
  frame.find<QAbstractButton>("messageAction")->click();
  QCOMPARE(page(frame).conversation().id, id);
  QTRY_VERIFY(QFile::exists(file));
}

void TestChatPage::closingWhileAnsweringKeepsWhatWasSaid() {
  Frame frame;
  frame.chat.pauseAfter = 3;
  MainWindow& window = openChat(frame);
  say(frame, "What is NF4?");
  QTRY_COMPARE(frame.chat.answerGate.entered.load(), 1);
  frame.dialogs.answer = false;
  window.close();
  QCOMPARE(frame.dialogs.asked.size(), 1);
  QVERIFY(window.isVisible() && page(frame).answering());
  frame.dialogs.answer = true;
  QElapsedTimer timer;
  timer.start();
  window.close();
  QTRY_VERIFY(!window.isVisible());
  QVERIFY2(timer.elapsed() < 500, qPrintable(QString::number(timer.elapsed())));
  frame.open();
  QTRY_COMPARE(page(frame).conversation().exchanges.size(), 1);
  const Answer answer = page(frame).conversation().exchanges.first().answers.first();
  QCOMPARE(answer.text, QString("NF4 is a"));
  QCOMPARE(answer.state, Answer::State::Stopped);
}

void TestChatPage::longConversationsShowTheirEndFirst() {
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

void TestChatPage::fiveThousandTokensKeepTheWindowAlive() {
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
  QVERIFY(label(frame, "answerFigures_1_0").contains("5,001 tokens"));
  // 50 ms on a machine of its own (bench_chat measures that); one that is shared gets time.
  QVERIFY2(longest < 400, qPrintable(QString::number(longest)));
}

void TestChatPage::anotherModelKeepsTheConversation() {
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
  QCOMPARE(page(frame).conversation().exchanges.size(), 2);
  QVERIFY(!frame.chat.siblings.back());  // another base: nothing to share
  frame.trigger("actionCloseModel");
  QVERIFY(!frame.find("chatSend")->isEnabled());
  QCOMPARE(page(frame).conversation().exchanges.size(), 2);
}

void TestChatPage::sendingWaitsForALoadThatRuns() {
  Frame frame;
  frame.chat.loadGate.open = false;
  openChat(frame);
  frame.trigger("actionChatLoad");
  QTRY_COMPARE(frame.chat.loadGate.entered.load(), 1);
  say(frame, "one");
  frame.chat.loadGate.open = true;
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.requests.size(), std::size_t{1});  // not cancelled and begun anew
  QCOMPARE(textOf(frame, "answerText_1_0"), QString("NF4 is a four-bit data type"));
}

void TestChatPage::aModelThatWasClosedIsNotKept() {
  Frame frame;
  MainWindow& window = openChat(frame);
  std::weak_ptr<ChatModel> model;
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  page(frame).setVariant(VariantKind::Base);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  model = frame.chat.siblings[1];
  frame.chat.siblings.clear();
  QTRY_VERIFY(model.expired());  // the variant that is not asked any more
  frame.trigger("actionCloseModel");
  QTRY_VERIFY(window.jobs().idle());
  QVERIFY(frame.find("chatGauge")->isHidden());
}

void TestChatPage::rawTextGoesWithoutATemplate() {
  Frame frame;
  openChat(frame);
  frame.find<QPlainTextEdit>("chatSystem")->setPlainText("Be brief.");
  frame.find<QAbstractButton>("chatRaw")->click();
  QCOMPARE(label(frame, "chatSamplingLine"), QString("temperature 0, raw text"));
  say(frame, "Once upon ");
  QVERIFY(waitForAnswer(frame));
  say(frame, " and then");
  QVERIFY(waitForAnswer(frame));
  QVERIFY(frame.chat.raws.back());
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{1});
  QCOMPARE(frame.chat.asked.back()[0]["content"].get<std::string>(),
           std::string("Once upon NF4 is a four-bit data type and then"));
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
  page(frame).setCompare(VariantKind::Base);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  QTRY_VERIFY(frame.find<MessageText>("answerText_1_0")->isMarkdown());
  frame.trigger("actionTheme" + theme);
  const ThemeColors& colors = theme == "Dark" ? darkColors() : lightColors();
  QTRY_COMPARE(page(frame).palette().color(QPalette::Window), colors.window);
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
