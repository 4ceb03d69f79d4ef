// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QApplication>
#include <QClipboard>
#include <QLabel>
#include <QMenu>
#include <QPlainTextEdit>
#include <QTemporaryFile>
#include <QtTest>

#include "tests/ui/frame_fixture.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/frame/message_bar.h"
#include "ui/frame/message_line.h"
#include "ui/frame/written.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

Message said(const QString& text, Message::Severity severity = Message::Severity::Info) {
  Message message;
  message.severity = severity;
  message.text = text;
  return message;
}

}  // namespace

class TestMessageLine : public QObject {
  Q_OBJECT
 private slots:
  void init() { beStrict(); }

  /// Whatever a message says: nothing under it changes its place, so that no click lands on another control.
  void noMessageMovesThePage_data() {
    QTest::addColumn<Message>("message");
    QTest::newRow("short") << said("Copied");
    Message next = said("It did not open", Message::Severity::Error);
    next.nextStep = "Copy it again.";
    next.details = "one\ntwo\nthree";
    QTest::newRow("with a next step and details") << next;
    QTest::newRow("far too long for the line") << said(QString("word ").repeated(400));
    Message buttons = said("Written", Message::Severity::Success);
    buttons.actionText = "Open";
    buttons.otherText = "Show folder";
    QTest::newRow("with two buttons") << buttons;
  }
  void noMessageMovesThePage() {
    QFETCH(Message, message);
    Frame frame;
    MainWindow& window = frame.open();
    for (const char* page : {"start", "benchmark", "pack", "chat"}) {
      window.showPage(page);
      QCoreApplication::processEvents();
      const QWidget* pages = frame.find("pages");
      const QRect before(pages->mapTo(&window, QPoint()), pages->size());
      emit window.findChild<Page*>(page)->messageRaised(message);
      QCoreApplication::processEvents();
      QVERIFY(frame.find("messageBar")->isVisible());
      QCOMPARE(QRect(pages->mapTo(&window, QPoint()), pages->size()), before);
      if (auto* details = frame.find<QAbstractButton>("messageDetailsButton"); details->isVisible()) {
        details->click();
        QCoreApplication::processEvents();
        QVERIFY(frame.find("messageSheet")->isVisible());
        QCOMPARE(QRect(pages->mapTo(&window, QPoint()), pages->size()), before);
      }
      frame.find<QAbstractButton>("messageDismiss")->click();
      QCoreApplication::processEvents();
      QVERIFY(frame.find("messageBar")->isHidden());
      QVERIFY(frame.find("messageSheet")->isHidden());
      QCOMPARE(QRect(pages->mapTo(&window, QPoint()), pages->size()), before);
    }
  }

  void whatDoesNotFitIsOnTheSheet() {
    Frame frame;
    MainWindow& window = frame.open();
    const QString text = "begin " + QString("word ").repeated(400) + "end";
    emit window.findChild<Page*>("start")->messageRaised(said(text));
    QCoreApplication::processEvents();
    QVERIFY(!frame.find<QLabel>("messageText")->text().contains("end"));
    frame.find<QAbstractButton>("messageDetailsButton")->click();
    QCOMPARE(frame.find<QLabel>("messageWhole")->text(), text);
    frame.find<QAbstractButton>("messageCopy")->click();
    QVERIFY(QGuiApplication::clipboard()->text().endsWith("end"));
    QVERIFY(frame.find("messageBar")->accessibleName().endsWith("end"));
  }

  /// A message is of one page: it is seen there and nowhere else, and a page that is not in front has a mark.
  void messagesBelongToTheirPage() {
    Frame frame;
    MainWindow& window = frame.open();
    auto* bar = frame.find<MessageBar>("messageBar");
    auto* button = frame.find<QAbstractButton>("navigate_actionPage_benchmark");
    const QString name = button->accessibleName();
    emit window.findChild<Page*>("benchmark")->messageRaised(said("of the benchmark"));
    QVERIFY(bar->isHidden());
    QCOMPARE(button->accessibleName(), name + ", new message");
    window.showPage("benchmark");
    QVERIFY(bar->isVisible());
    QCOMPARE(bar->message().text, QString("of the benchmark"));
    QCOMPARE(button->accessibleName(), name);
    window.showPage("chat");
    QVERIFY(bar->isHidden());
    emit window.findChild<Page*>("chat")->messageRaised(said("of the chat"));
    window.showPage("benchmark");
    QCOMPARE(bar->message().text, QString("of the benchmark"));
    window.showPage("chat");
    QCOMPARE(bar->message().text, QString("of the chat"));
  }

  /// An old "Done" does not stand above a new, running benchmark; it is still in the list.
  void aNewRunEndsWhatWasSaidOfTheLast() {
    Frame frame;
    MainWindow& window = frame.open();
    window.showPage("benchmark");
    window.openPath(frame.model("chat-nf4"));
    QTRY_VERIFY(window.session().model());
    auto* page = window.findChild<BenchmarkPage*>();
    auto* bar = frame.find<MessageBar>("messageBar");
    page->run();
    QTRY_VERIFY(!page->running());
    QTRY_VERIFY(bar->isVisible());
    const QString first = bar->message().text;
    QVERIFY(!first.isEmpty());
    frame.benchmark.gate.open = false;
    page->run();
    QVERIFY(bar->isHidden());
    frame.benchmark.gate.open = true;
    QTRY_VERIFY(!page->running());
    QTRY_VERIFY(bar->isVisible());
    auto* menu = frame.find<QMenu>("messageEarlierMenu");
    emit menu->aboutToShow();
    QCOMPARE(menu->actions().size(), 2);
    QVERIFY(menu->actions().last()->text().contains(QString(first).left(20)));
  }

  /// "Save report…", then Escape in its dialog: the verdict stays.
  void aDialogThatIsDismissedTakesNoMessageDown() {
    Frame frame;
    MainWindow& window = frame.open();
    window.showPage("benchmark");
    window.openPath(frame.model("chat-nf4"));
    QTRY_VERIFY(window.session().model());
    auto* page = window.findChild<BenchmarkPage*>();
    page->run();
    QTRY_VERIFY(!page->running());
    auto* bar = frame.find<MessageBar>("messageBar");
    QTRY_VERIFY(bar->isVisible());
    const QString verdict = bar->message().text;
    frame.find<QAbstractButton>("messageAction")->click();
    QCOMPARE(frame.dialogs.asked.last(), QString("Write report into a new folder"));
    QVERIFY(bar->isVisible());
    QCOMPARE(bar->message().text, verdict);
  }

  void escapeDismissesAMessageAndNothingElse() {
    Frame frame;
    MainWindow& window = frame.open();
    auto* bar = frame.find<MessageBar>("messageBar");
    Message message = said("Something");
    message.details = "the details";
    emit window.findChild<Page*>("start")->messageRaised(message);
    frame.find<QAbstractButton>("messageDetailsButton")->click();
    QVERIFY(frame.find("messageSheet")->isVisible());
    QTest::keyClick(&window, Qt::Key_Escape);
    QVERIFY(frame.find("messageSheet")->isHidden());
    QVERIFY(bar->isVisible());
    QTest::keyClick(&window, Qt::Key_Escape);
    QVERIFY(bar->isHidden());
    QCOMPARE(window.currentPage(), QString("start"));
    QTest::keyClick(&window, Qt::Key_Escape);  // nothing is left to take down
    QVERIFY(window.isVisible());
  }

  void earlierMessagesComeBack() {
    Frame frame;
    MainWindow& window = frame.open();
    auto* start = window.findChild<Page*>("start");
    auto* bar = frame.find<MessageBar>("messageBar");
    QVERIFY(frame.find("messageEarlier")->isHidden());
    bool undone = false;
    Message undo = said("Deleted");
    undo.actionText = "&Undo";
    undo.action = [&] { undone = true; };
    emit start->messageRaised(undo);
    QString opened;
    Message written = said("Written");
    written.actionText = "Open";
    written.action = [&] { opened = "file"; };
    written.stays = true;
    emit start->messageRaised(written);
    QVERIFY(frame.find("messageEarlier")->isVisible());
    bar->dismiss();
    auto* menu = frame.find<QMenu>("messageEarlierMenu");
    emit menu->aboutToShow();
    QCOMPARE(menu->actions().size(), 2);
    menu->actions().first()->trigger();  // the newest
    QCOMPARE(bar->message().text, QString("Written"));
    frame.find<QAbstractButton>("messageAction")->click();
    QCOMPARE(opened, QString("file"));
    QVERIFY(bar->isVisible());
    menu->actions().last()->trigger();
    QCOMPARE(bar->message().text, QString("Deleted"));
    QVERIFY(frame.find("messageAction")->isHidden());  // its moment is over
    QVERIFY(!undone);
  }

  void theLogIsBounded() {
    MessageLog log;
    for (int i = 0; i < 3 * MessageLog::kMost; ++i) log.add("page", {}, said(QString::number(i)));
    QCOMPARE(log.entries("page").size(), MessageLog::kMost);
    QCOMPARE(log.standing("page")->text, QString::number(3 * MessageLog::kMost - 1));
    QVERIFY(!log.standing("other"));
  }

  /// What was written opens from where it says so.
  void filesOpenFromTheMessage_data() {
    QTest::addColumn<bool>("folder");
    QTest::addColumn<bool>("hasDesktop");
    QTest::newRow("a file") << false << true;
    QTest::newRow("a folder") << true << true;
    QTest::newRow("a file where no program opens it") << false << false;
  }
  void filesOpenFromTheMessage() {
    QFETCH(bool, folder);
    QFETCH(bool, hasDesktop);
    Frame frame;
    MainWindow& window = frame.open();
    frame.dialogs.hasDesktop = hasDesktop;
    auto* start = window.findChild<Page*>("start");
    QString path = frame.scratch.filePath("a b.csv");
    if (folder) {
      path = frame.scratch.filePath("report");
      QVERIFY(QDir().mkpath(path));
    } else {
      QFile file(path);
      QVERIFY(file.open(QIODevice::WriteOnly));
    }
    emit start->messageRaised(writtenMessage("Exported", path, frame.dialogs, start));
    auto* bar = frame.find<MessageBar>("messageBar");
    QCOMPARE(bar->message().text, "Exported " + path);
    QCOMPARE(frame.find("messageAction")->isHidden(), folder);
    frame.find<QAbstractButton>("messageOtherAction")->click();
    QCOMPARE(frame.dialogs.opened, QStringList{folder ? path : frame.scratch.path()});
    if (hasDesktop && !folder) {
      QVERIFY(bar->isVisible());  // it can be pressed again
      frame.find<QAbstractButton>("messageAction")->click();
      QCOMPARE(frame.dialogs.opened.last(), path);
    }
    if (!hasDesktop) QVERIFY(bar->message().text.contains("no program"));
  }
};

QTEST_MAIN(TestMessageLine)
#include "test_message_line.moc"
