// SPDX-License-Identifier: GPL-3.0-or-later
// A model is opened by dialog, by drop, from the recent ones; and what is said when it cannot be.
#include <QAbstractButton>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMimeData>

#include "tests/ui/frame_fixture.h"
#include "ui/frame/message_bar.h"
#include "ui/frame/text.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestOpening : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }

  void opensAPackedModel() {
    Frame frame;
    MainWindow& window = frame.open();
    window.openPath(frame.model("chat-nf4"));
    QTRY_COMPARE(window.currentPage(), QString("payload"));
    QCOMPARE(window.windowTitle(), QString("Deltascope – chat-nf4 (NF4 + delta)"));
    QCOMPARE(frame.find<QLabel>("statusVerdict")->text(), QString("– not verified"));
    QVERIFY(frame.find<QAction>("actionVerify")->isEnabled());
    QCOMPARE(frame.settings->get(setting::kRecent), QStringList{frame.model("chat-nf4")});
    frame.trigger("actionCloseModel");
    QCOMPARE(window.windowTitle(), QString("Deltascope"));
    QVERIFY(!window.session().model());
    QVERIFY(!frame.find<QAction>("actionVerify")->isEnabled());
  }

  void offersToPackAPlainCheckpoint() {
    Frame frame;
    MainWindow& window = frame.open();
    window.openPath(frame.model("plain"));
    QTRY_COMPARE(said(frame), QString("plain is a plain checkpoint: 4 tensors, no payload"));
    QVERIFY(!frame.find<QAction>("actionVerify")->isEnabled());
    frame.find<QAbstractButton>("messageAction")->click();
    QCOMPARE(window.currentPage(), QString("pack"));
    QCOMPARE(frame.find<QLineEdit>("packFinalEdit")->text(), frame.model("plain"));
    QCOMPARE(frame.find<QLineEdit>("packOutEdit")->text(), frame.model("plain") + "-nf4");
    QTRY_VERIFY(window.jobs().idle());
  }

  void saysWhyItDidNotOpen_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("next");
    QTest::newRow("the engine refuses") << "broken"
                                        << "Could not open broken: DIR/broken, offset 8: header is not JSON"
                                        << "Copy it again";
    QTest::newRow("not a model")
        << "notes.txt"
        << "notes.txt is not a model: drop a folder, or a file that ends in .safetensors, .gguf, .pth, .pkl, "
           "or .json for a benchmark run"
        << "";
  }

  void saysWhyItDidNotOpen() {
    QFETCH(QString, name);
    QFETCH(QString, text);
    QFETCH(QString, next);
    Frame frame;
    MainWindow& window = frame.open();
    const QString path = frame.scratch.filePath(name);
    if (name.endsWith(".txt")) {
      QFile file(path);
      QVERIFY(file.open(QIODevice::WriteOnly));
    } else {
      (void)frame.model(name);
    }
    window.openPath(path);
    QTRY_COMPARE(said(frame), text.replace("DIR", frame.scratch.path()));
    const auto* bar = frame.find<MessageBar>("messageBar");
    QCOMPARE(bar->message().nextStep, next);
    QVERIFY(bar->isVisible());
    QCOMPARE(window.currentPage(), QString("start"));
    QVERIFY(frame.settings->get(setting::kRecent).isEmpty());
  }

  void opensByDialog() {
    Frame frame;
    MainWindow& window = frame.open();
    frame.trigger("actionOpenFolder");  // dismissed
    QCOMPARE(frame.dialogs.asked, QStringList{"Open a model folder"});
    frame.dialogs.folder = frame.model("chat");
    frame.find<QAbstractButton>("startOpenFolder")->click();
    QTRY_VERIFY(window.session().model());
    QCOMPARE(window.session().path(), frame.model("chat"));
    QCOMPARE(frame.settings->get(setting::kOpenFolder), frame.scratch.path());
    frame.dialogs.file = frame.scratch.filePath("p.delta.safetensors");
    QFile file(frame.dialogs.file);
    QVERIFY(file.open(QIODevice::WriteOnly));
    frame.trigger("actionOpenFile");
    QTRY_COMPARE(window.session().path(), frame.dialogs.file);
  }

  void opensByDrop() {
    Frame frame;
    MainWindow& window = frame.open();
    send(window, {QUrl("https://example.org/model.safetensors")});
    QCOMPARE(said(frame), QString("Not opened: https://example.org/model.safetensors is not on this machine"));
    QVERIFY(!window.session().model());
    send(window, {QUrl::fromLocalFile(frame.model("chat"))});
    QTRY_VERIFY(window.session().model());
    QVERIFY(frame.find("messageBar")->isHidden());
  }

  void opensByRecentAndForgetsMissing() {
    Frame frame;
    const QString here = frame.model("here"), gone = frame.scratch.filePath("gone");
    frame.settings->set(setting::kRecent, QStringList{gone, here});
    MainWindow& window = frame.open();
    auto* list = frame.find<QListWidget>("recentList");
    QCOMPARE(list->count(), 2);
    QVERIFY(list->item(0)->text().contains("(missing)"));
    list->setCurrentRow(0);
    QVERIFY(!frame.find("startOpenRecent")->isEnabled());
    const auto entries = frame.find<QMenu>("menuRecent")->actions();
    QVERIFY(!entries[0]->isEnabled() && entries[1]->isEnabled());
    frame.find<QAbstractButton>("startRemoveRecent")->click();
    QCOMPARE(frame.settings->get(setting::kRecent), QStringList{here});
    list->setFocus();
    list->setCurrentRow(0);
    QTest::keyClick(list, Qt::Key_Return);
    QTRY_COMPARE(window.session().path(), here);
    list->setCurrentRow(0);
    QTest::keyClick(list, Qt::Key_Delete);
    QVERIFY(frame.settings->get(setting::kRecent).isEmpty());
  }

  void asksForTheBase() {
    Frame frame;
    QStringList bases;
    frame.engine.inspect = [&](const std::filesystem::path& path, const std::filesystem::path& base) -> Result<Inspection> {
      bases << QString::fromStdString(base.string());
      Inspection inspection = sampleInspection(path);
      inspection.files.kind = ModelFiles::Kind::Payload;
      inspection.files.base = base;
      return inspection;
    };
    MainWindow& window = frame.open();
    window.openPath(frame.model("tuned"));
    QTRY_COMPARE(said(frame), QString("The base of tuned is not known"));
    frame.dialogs.folder = frame.model("parent");
    frame.find<QAbstractButton>("messageAction")->click();
    QTRY_COMPARE(bases.size(), 2);
    QCOMPARE(bases[1], frame.model("parent"));
    QTRY_VERIFY(frame.find("messageBar")->isHidden());
    QCOMPARE(window.session().path(), frame.model("tuned"));
  }

 private:
  static void send(MainWindow& window, const QList<QUrl>& urls) {
    QMimeData data;
    data.setUrls(urls);
    QDragEnterEvent enter(QPoint(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &drop);
  }
  static QString said(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message().text; }
};

QTEST_MAIN(TestOpening)
#include "test_opening.moc"
