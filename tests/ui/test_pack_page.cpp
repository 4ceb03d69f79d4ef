// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/checkpoint/companions.h"
#include "tests/ui/frame_fixture.h"
#include "ui/frame/message_bar.h"
#include "ui/pack/pack_page.h"

using namespace deltascope;
using namespace deltascope::ui;

/// What the Pack page says once a job is done: nothing that the job had to say is lost.
class TestPackPage : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }

  void saysWhatWasLeftOutAndNoted_data() {
    QTest::addColumn<QStringList>("notes");
    QTest::addColumn<QStringList>("leftOut");
    QTest::addColumn<QString>("ending");
    QTest::newRow("nothing to say") << QStringList() << QStringList() << "4 tensors in 0:00";
    QTest::newRow("a note") << QStringList("tensor a: its shape differs") << QStringList()
                            << "in 0:00; note: tensor a: its shape differs";
    QTest::newRow("both") << QStringList{"one", "two"} << QStringList("optimizer.pt")
                          << "in 0:00; 1 file left out; 2 notes, see Details";
  }
  void saysWhatWasLeftOutAndNoted() {
    QFETCH(QStringList, notes);
    QFETCH(QStringList, leftOut);
    QFETCH(QString, ending);
    QTemporaryDir folder;
    Frame frame;
    frame.engine.pack = [&](const PackRequest& request, const JobContext&) -> Result<PackResult> {
      PackResult result;
      result.out = request.out;
      result.tensors = 4;
      for (const auto& note : notes) result.notes.push_back(note.toStdString());
      for (const auto& name : leftOut) result.leftOut.push_back({name.toStdString(), "it is not the model's"});
      return result;
    };
    MainWindow& window = frame.open();
    window.showPage("pack");
    PackForm form;
    form.final = DELTASCOPE_DEMO "/chat";
    form.out = folder.filePath("packed");
    frame.find<PackPage>("pack")->setForm(form);
    frame.trigger("actionPack");
    const auto* bar = frame.find<MessageBar>("messageBar");
    QTRY_VERIFY(bar->isVisible());
    QVERIFY2(bar->message().text.endsWith(ending), qPrintable(bar->message().text));
    for (const auto& said : notes + leftOut) QVERIFY2(bar->message().details.contains(said), qPrintable(said));
  }
};

QTEST_MAIN(TestPackPage)
#include "test_pack_page.moc"
