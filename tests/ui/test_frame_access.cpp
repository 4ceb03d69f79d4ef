// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QAccessible>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QStackedWidget>
#include <QTreeWidget>

#include "tests/ui/frame_fixture.h"
#include "ui/frame/shortcut_sheet.h"
#include "ui/frame/written.h"

using namespace deltascope;
using namespace deltascope::ui;

/// What someone who uses the keyboard or a screen reader meets.
class TestFrameAccess : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void everyControlHasAName();
  void everyActionHasKeysOrAWayThere();
  void shortcutsAreUnique();
  void mnemonicsOfAPageAreUnique_data();
  void mnemonicsOfAPageAreUnique();
  void sheetListsEveryAction();
  void aboutOpens();
  void tabReachesEveryControl();
};

namespace {

bool isControl(const QWidget& widget) {
  return widget.focusPolicy() & Qt::TabFocus && !widget.focusProxy() && !widget.objectName().startsWith("qt_") &&
         !(widget.parentWidget() && widget.parentWidget()->inherits("QAbstractSpinBox"));
}

}  // namespace

void TestFrameAccess::everyControlHasAName() {
  Frame frame;
  MainWindow& window = frame.open();
  window.openPath(frame.model("chat"));
  QTRY_VERIFY(window.session().model());
  frame.trigger("actionJobs");
  int controls = 0;
  for (const char* page : {"start", "payload", "pack", "chat"}) {
    window.showPage(page);
    QCoreApplication::processEvents();
    for (QWidget* widget : window.findChildren<QWidget*>()) {
      if (!widget->isVisible() || !isControl(*widget)) continue;
      ++controls;
      const QAccessibleInterface* accessible = QAccessible::queryAccessibleInterface(widget);
      QVERIFY(accessible);
      const QString name = accessible->text(QAccessible::Name);
      QVERIFY2(
          !name.trimmed().isEmpty(),
          qPrintable(QString("%1: %2 \"%3\" has no name").arg(page, widget->metaObject()->className(), widget->objectName())));
    }
  }
  QVERIFY(controls > 30);
}

void TestFrameAccess::everyActionHasKeysOrAWayThere() {
  Frame frame;
  MainWindow& window = frame.open();
  const auto rows = shortcutRows(*window.menuBar());
  QVERIFY(rows.size() > 25);
  for (const ShortcutRow& row : rows) {
    QVERIFY2(!row.keys.isEmpty(), qPrintable(row.action));
    QVERIFY2(!row.tip.isEmpty(), qPrintable(row.action));
  }
}

void TestFrameAccess::shortcutsAreUnique() {
  Frame frame;
  MainWindow& window = frame.open();
  QMap<QString, QString> owners;
  for (const QAction* action : window.findChildren<QAction*>()) {
    for (const QKeySequence& keys : action->shortcuts()) {
      if (keys.isEmpty() || action->shortcutContext() == Qt::WidgetShortcut ||
          action->shortcutContext() == Qt::WidgetWithChildrenShortcut)
        continue;
      if (qobject_cast<QLineEdit*>(action->parent()) || action->objectName().startsWith("_q_")) continue;
      const QString text = keys.toString();
      QVERIFY2(!owners.contains(text), qPrintable(text + ": " + owners[text] + ", " + action->text()));
      owners[text] = action->text();
    }
  }
  QVERIFY(owners.size() > 20);
}

void TestFrameAccess::mnemonicsOfAPageAreUnique_data() {
  QTest::addColumn<QString>("page");
  for (const char* page : {"start", "payload", "pack", "benchmark", "chat"}) QTest::newRow(page) << QString(page);
}

void TestFrameAccess::mnemonicsOfAPageAreUnique() {
  QFETCH(QString, page);
  Frame frame;
  frame.settings->set(setting::kRecent, QStringList{frame.model("chat")});
  MainWindow& window = frame.open();
  if (page == "payload" || page == "chat") {
    window.openPath(frame.model("chat"));
    QTRY_VERIFY(window.session().model());
  }
  window.showPage(page);
  Message message = writtenMessage("Written", frame.scratch.filePath("file.csv"), frame.dialogs, window.findChild<Page*>(page));
  message.details = "with details";
  emit window.findChild<Page*>(page)->messageRaised(message);
  QCoreApplication::processEvents();
  QVERIFY(frame.find("messageBar")->isVisible());
  QMap<QChar, QString> owners;
  const auto claim = [&owners](const QString& text) {
    const auto at = text.indexOf('&');
    if (at < 0 || at + 1 >= text.size() || text[at + 1] == '&') return;
    const QChar letter = text[at + 1].toUpper();
    QVERIFY2(!owners.contains(letter) || owners[letter] == text,
             qPrintable(QString("Alt+%1: %2, %3").arg(letter).arg(owners[letter], text)));
    owners[letter] = text;
  };
  for (const QAction* menu : window.menuBar()->actions()) claim(menu->text());
  for (const QAbstractButton* button : window.findChildren<QAbstractButton*>())
    if (button->isVisible() && !button->objectName().startsWith("navigate_")) claim(button->text());
  for (const QLabel* label : window.findChildren<QLabel*>())
    if (label->isVisible() && label->buddy()) claim(label->text());
  QVERIFY(owners.size() >= 5);
}

void TestFrameAccess::sheetListsEveryAction() {
  Frame frame;
  MainWindow& window = frame.open();
  frame.trigger("actionShortcuts");
  auto* sheet = frame.find<QDialog>("shortcutSheet");
  QVERIFY(sheet->isVisible());
  auto* tree = sheet->findChild<QTreeWidget*>("shortcutTree");
  QStringList listed;
  for (int i = 0; i < tree->topLevelItemCount(); ++i)
    for (int j = 0; j < tree->topLevelItem(i)->childCount(); ++j) listed << tree->topLevelItem(i)->child(j)->text(0);
  for (const char* action : {"Open folder", "1 Start", "2 Payload", "3 Pack", "4 Benchmark", "5 Chat", "Verify", "Unpack",
                             "Cancel job", "Try the demo", "Dark", "Pack", "Stop the answer", "New conversation"})
    QVERIFY2(listed.contains(action), action);
  auto* filter = sheet->findChild<QLineEdit*>("shortcutFilter");
  filter->setText("unpack");
  int visible = 0;
  for (int i = 0; i < tree->topLevelItemCount(); ++i)
    for (int j = 0; j < tree->topLevelItem(i)->childCount(); ++j) visible += !tree->topLevelItem(i)->child(j)->isHidden();
  QCOMPARE(visible, 1);
  sheet->close();
  QTRY_VERIFY(!window.findChild<QDialog*>("shortcutSheet"));
}

void TestFrameAccess::aboutOpens() {
  Frame frame;
  frame.open();
  frame.trigger("actionAbout");
  QVERIFY(frame.find("aboutDialog")->isVisible());
  QVERIFY(frame.find<QLabel>("aboutText")->text().contains(DELTASCOPE_VERSION));
}

void TestFrameAccess::tabReachesEveryControl() {
  Frame frame;
  MainWindow& window = frame.open();
  window.activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(&window));
  for (const char* page : {"start", "pack", "chat"}) {
    window.showPage(page);
    QCoreApplication::processEvents();
    QSet<const QWidget*> reached;
    for (int i = 0; i < 300; ++i) {
      QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
      reached << QApplication::focusWidget();
    }
    for (const QWidget* widget : window.findChildren<QWidget*>())
      if (widget->isVisible() && widget->isEnabled() && isControl(*widget) && !widget->inherits("QRadioButton"))
        QVERIFY2(reached.contains(widget), qPrintable(QString("%1: %2").arg(page, widget->objectName())));
  }
}

QTEST_MAIN(TestFrameAccess)
#include "test_frame_access.moc"
