// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>

#include "tests/ui/frame_fixture.h"
#include "ui/frame/message_bar.h"

using namespace deltascope;
using namespace deltascope::ui;

/// What the scripts before this program wrote, in the window.
class TestScriptsWindow : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void showsWhatTheScriptsWrote();
  void convertsToAnExactPayload();
  void saysWhyAConversionFailed();

 private:
  static const Message& message(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message(); }
  /// A folder with the scripts' base and one of their payloads.
  static QString scripts(const Frame& frame, const QString& payload) {
    const QString folder = frame.model("old"), data = DELTASCOPE_TEST_DATA "/pipeline/scripts/";
    for (const QString& file : {QString("base_model.pth"), payload}) QFile::copy(data + file, folder + '/' + file);
    return folder;
  }
  static QString final(const Frame& frame) {
    const QString folder = frame.model("final");
    QFile::copy(DELTASCOPE_TEST_DATA "/pipeline/scripts/final.safetensors", folder + "/model.safetensors");
    return folder;
  }
};

void TestScriptsWindow::showsWhatTheScriptsWrote() {
  Frame frame;
  frame.engine.inspect = [&](const std::filesystem::path& path, const std::filesystem::path&) -> Result<Inspection> {
    Inspection inspection = sampleInspection(path);
    inspection.files.kind = ModelFiles::Kind::Scripts;
    inspection.findings = {{"a.weight", "chunk 3: the frame of values is empty"},
                           {"b.weight", "is in the payload, but not in the base"}};
    return inspection;
  };
  MainWindow& window = frame.open();
  window.openPath(frame.model("old"));
  QTRY_COMPARE(window.currentPage(), QString("payload"));
  QCOMPARE(
      message(frame).text,
      QString("old was written by the old scripts: a.weight: chunk 3: the frame of values is empty, and 1 more (Details)"));
  QCOMPARE(message(frame).severity, Message::Severity::Warning);
  QVERIFY(message(frame).details.endsWith("\nb.weight: is in the payload, but not in the base"));
  QCOMPARE(window.windowTitle(), QString("Deltascope – old (payload of the old scripts)"));
  for (const char* action : {"actionVerify", "actionUnpack", "actionChooseBase"})
    QVERIFY(!frame.find<QAction>(action)->isEnabled());
  QVERIFY(frame.find<QAction>("actionConvert")->isEnabled());
}

void TestScriptsWindow::convertsToAnExactPayload() {
  Frame frame;
  frame.engine = realEngine();
  MainWindow& window = frame.open();
  QVERIFY(!frame.find<QAction>("actionConvert")->isEnabled());
  window.openPath(scripts(frame, "delta_inexact.pkl"));
  QTRY_VERIFY(window.session().isScripts());
  frame.dialogs.folder = final(frame);
  frame.dialogs.save = frame.scratch.filePath("exact");
  frame.find<QAbstractButton>("messageAction")->click();
  QTRY_VERIFY2(message(frame).text.contains("gives the final bit for bit"), qPrintable(message(frame).text));
  QVERIFY2(message(frame).nextStep.contains("elements would have differed"), qPrintable(message(frame).nextStep));
  QVERIFY(QFile::exists(frame.scratch.filePath("exact.delta.safetensors")));
  frame.find<QAbstractButton>("messageAction")->click();
  QTRY_VERIFY(window.session().hasPayload());
  window.session().verify();
  QTRY_VERIFY2(message(frame).text.contains("is bit-exact"), qPrintable(message(frame).text));
}

void TestScriptsWindow::saysWhyAConversionFailed() {
  Frame frame;
  frame.engine = realEngine();
  MainWindow& window = frame.open();
  window.openPath(scripts(frame, "delta_whole.pkl"));
  QTRY_VERIFY(window.session().isScripts());
  frame.dialogs.folder = frame.model("empty");
  frame.dialogs.save = frame.scratch.filePath("exact.delta.safetensors");
  frame.trigger("actionConvert");
  QTRY_COMPARE(message(frame).severity, Message::Severity::Error);
  QVERIFY2(message(frame).text.startsWith("Converting old: "), qPrintable(message(frame).text));
  QVERIFY(!QFile::exists(frame.dialogs.save));
  QVERIFY(window.session().isScripts());
}

QTEST_MAIN(TestScriptsWindow)
#include "test_scripts_window.moc"
