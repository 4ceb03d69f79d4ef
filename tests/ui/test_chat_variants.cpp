// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLineEdit>
#include <QTableView>

#include "tests/ui/chat_driver.h"

using namespace deltascope;
using namespace deltascope::ui;

/// Which model answers on the chat page, within what, and how it is sampled.
class TestChatVariants : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void variantsShareTheBase();
  void payloadsStackInOrder();
  void comparesTwoModels_data();
  void comparesTwoModels();
  void planIsShownAndRefused();
  void samplingReachesTheModel();
  void sendingWaitsForALoadThatRuns();
  void aModelThatWasClosedIsNotKept();
  void rawTextGoesWithoutATemplate();
};

void TestChatVariants::variantsShareTheBase() {
  Frame frame;
  openChat(frame);
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  chatPage(frame).setVariant(VariantKind::Base);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.requests.size(), std::size_t{2});
  QVERIFY(!frame.chat.requests[0].baseOnly && !frame.chat.siblings[0]);
  QVERIFY(frame.chat.requests[1].baseOnly && frame.chat.siblings[1]);  // what was there, not read again
  QCOMPARE(chatPage(frame).conversation().exchanges.size(), 2);
  QCOMPARE(labelText(frame, "answerModel_2_0"), QString("base only of chat-nf4"));
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{3});
  frame.find<QLineEdit>("chatBudget")->setText("16 MiB");
  say(frame, "three");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.requests.size(), std::size_t{3});
  QCOMPARE(frame.chat.requests[2].memoryBudget.value_or(0), std::uint64_t{16} << 20);
}

void TestChatVariants::payloadsStackInOrder() {
  Frame frame;
  openChat(frame);
  auto* variant = frame.find<QComboBox>("chatVariant");
  QCOMPARE(variant->count(), 3);
  chatPage(frame).setVariant(VariantKind::Stack);
  QVERIFY(labelText(frame, "chatHint").startsWith("There is no payload to stack"));
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

void TestChatVariants::comparesTwoModels_data() {
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

void TestChatVariants::comparesTwoModels() {
  QFETCH(QString, first);
  QFETCH(QString, second);
  QFETCH(QString, firstWords);
  QFETCH(QString, secondWords);
  Frame frame;
  frame.chat.says = [=](const LoadRequest& request, const ChatTurn&) {
    return spoken((request.baseOnly ? second : first).toStdString());
  };
  openChat(frame);
  chatPage(frame).setCompare(VariantKind::Base);
  say(frame, "What is NF4?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(textOf(frame, "answerText_1_0"), first);
  QCOMPARE(textOf(frame, "answerText_1_1"), second);
  QCOMPARE(labelText(frame, "answerDifference_1_0"), firstWords);
  QCOMPARE(labelText(frame, "answerDifference_1_1"), secondWords);
  QCOMPARE(frame.find<MessageText>("answerText_1_1")->extraSelections().size(), secondWords.startsWith("≠") ? 1 : 0);
  QVERIFY(labelText(frame, "answerFigures_1_1").startsWith("212 tok/s"));
  QVERIFY(frame.chat.siblings[1]);
  // Each goes on with what it said itself.
  say(frame, "And?");
  QVERIFY(waitForAnswer(frame));
  QCOMPARE(frame.chat.asked[2][1]["content"].get<std::string>(), first.toStdString());
  QCOMPARE(frame.chat.asked[3][1]["content"].get<std::string>(), second.toStdString());
  QCOMPARE(frame.chat.requests.size(), std::size_t{2});  // both stay in memory
}

void TestChatVariants::planIsShownAndRefused() {
  Frame frame;
  openChat(frame);
  frame.trigger("actionChatPlan");
  auto* table = frame.find<QTableView>("chatPlanTable");
  QTRY_VERIFY(table->isVisible());
  QCOMPARE(table->model()->rowCount(), 12);
  QCOMPARE(labelText(frame, "chatPlanSummary"),
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
  QTRY_COMPARE(labelText(frame, "chatBudgetProblem"),
               QString("✕ a budget of 1.00 MiB is too small. Give at least 4.00 MiB, or a shorter context"));
  QVERIFY(labelText(frame, "chatPlanProblem").startsWith("✕ a budget of 1.00 MiB is too small"));
  QVERIFY(table->isHidden());
  budget->setText("many");
  QCOMPARE(labelText(frame, "chatBudgetProblem"),
           QString("✕ not a size: write a number with a unit, such as 512 MiB or 5.3 GiB"));
  QVERIFY(!frame.find<QAction>("actionChatLoad")->isEnabled());
  const int before = frame.chat.plans;
  for (const char* size : {"8 MiB", "9 MiB", "10 MiB"}) budget->setText(size);
  QTRY_VERIFY(table->isVisible());
  QCOMPARE(frame.chat.plans.load(), before + 1);  // one for all three
  QVERIFY(labelText(frame, "chatPlanSummary").contains("of 10.00 MiB (the budget)"));
  QVERIFY(frame.find("chatBudgetProblem")->isHidden());
}

void TestChatVariants::samplingReachesTheModel() {
  Frame frame;
  openChat(frame);
  frame.trigger("actionChatPanel");
  auto* preset = frame.find<QComboBox>("chatPreset");
  QCOMPARE(preset->currentText(), QString("Greedy"));
  QTest::keyClick(preset, Qt::Key_Down);
  QCOMPARE(preset->currentText(), QString("Balanced"));
  QCOMPARE(labelText(frame, "chatSamplingLine"), QString("temperature 0.7, top-p 0.95, seed –"));
  auto* seed = frame.find<QLineEdit>("chatSeed");
  seed->setText("minus one");
  QVERIFY(frame.find("chatSeedProblem")->isVisible());
  QVERIFY(labelText(frame, "chatHint").startsWith("The seed in the settings"));
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

void TestChatVariants::sendingWaitsForALoadThatRuns() {
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

void TestChatVariants::aModelThatWasClosedIsNotKept() {
  Frame frame;
  MainWindow& window = openChat(frame);
  std::weak_ptr<ChatModel> model;
  say(frame, "one");
  QVERIFY(waitForAnswer(frame));
  chatPage(frame).setVariant(VariantKind::Base);
  say(frame, "two");
  QVERIFY(waitForAnswer(frame));
  model = frame.chat.siblings[1];
  frame.chat.siblings.clear();
  QTRY_VERIFY(model.expired());  // the variant that is not asked any more
  frame.trigger("actionCloseModel");
  QTRY_VERIFY(window.jobs().idle());
  QVERIFY(frame.find("chatGauge")->isHidden());
}

void TestChatVariants::rawTextGoesWithoutATemplate() {
  Frame frame;
  openChat(frame);
  frame.find<QPlainTextEdit>("chatSystem")->setPlainText("Be brief.");
  frame.find<QAbstractButton>("chatRaw")->click();
  QCOMPARE(labelText(frame, "chatSamplingLine"), QString("temperature 0, raw text"));
  say(frame, "Once upon ");
  QVERIFY(waitForAnswer(frame));
  say(frame, " and then");
  QVERIFY(waitForAnswer(frame));
  QVERIFY(frame.chat.raws.back());
  QCOMPARE(frame.chat.asked.back().size(), std::size_t{1});
  QCOMPARE(frame.chat.asked.back()[0]["content"].get<std::string>(),
           std::string("Once upon NF4 is a four-bit data type and then"));
}

QTEST_MAIN(TestChatVariants)
#include "test_chat_variants.moc"
