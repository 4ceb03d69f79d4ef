// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QLabel>

#include "core/inspect/inspect.h"
#include "core/pack/pack.h"
#include "tests/ui/frame_fixture.h"
#include "ui/frame/message_bar.h"

using namespace deltascope;
using namespace deltascope::ui;

/// A payload without its base, over the real engine: which one it wants is said, and another is refused where it is chosen.
class TestWrongBase : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    (void)Frame::look();
    PackRequest lora;
    lora.base = DELTASCOPE_DEMO "/chat";
    lora.adapters = {DELTASCOPE_DEMO "/lora-pirate"};
    lora.out = m_payload.toStdString();
    QVERIFY(pack(lora, {}));
    PackRequest nf4;
    nf4.final = DELTASCOPE_DEMO "/chat";
    nf4.quantize = QuantFormat::Nf4;
    nf4.scope = PackScope::All;
    nf4.out = m_scratch.filePath("chat-nf4").toStdString();
    QVERIFY(pack(nf4, {}));
    m_wanted = "chat, fingerprint " + QString::fromStdString(inspect(m_payload.toStdString())->facts.at("base fingerprint"));
  }
  void init() { beStrict(); }

  void isRefusedByNameAndFingerprint_data() {
    QTest::addColumn<QString>("given");
    QTest::newRow("another kind of the same model") << m_scratch.filePath("chat-nf4");
    QTest::newRow("no model at all") << m_scratch.path();
  }
  void isRefusedByNameAndFingerprint() {
    QFETCH(QString, given);
    Frame frame;
    frame.engine = realEngine();
    MainWindow& window = frame.open();
    window.openPath(m_payload);
    QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), 30'000);
    QCOMPARE(said(frame), "The base of pirate is not known: it wants " + m_wanted);
    frame.dialogs.folder = given;
    frame.find<QAbstractButton>("messageAction")->click();
    QTRY_VERIFY_WITH_TIMEOUT(said(frame).startsWith("Could not open pirate"), 30'000);
    if (given.endsWith("chat-nf4"))
      QVERIFY2(said(frame).contains("chat-nf4 is not the base of pirate.delta.safetensors: it wants " + m_wanted),
               qPrintable(said(frame)));
    QVERIFY(window.session().model()->files.base.empty());  // the payload stays open, without a base
    // The way out is where the refusal stands.
    auto* again = frame.find<QAbstractButton>("messageAction");
    QVERIFY(again->isVisible());
    frame.dialogs.folder = DELTASCOPE_DEMO "/chat";
    again->click();
    QTRY_VERIFY_WITH_TIMEOUT(!window.session().model()->files.base.empty(), 30'000);
    QTRY_VERIFY(frame.find("messageBar")->isHidden());
  }

 private:
  static QString said(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message().text; }

  QTemporaryDir m_scratch;
  QString m_payload = m_scratch.filePath("pirate.delta.safetensors"), m_wanted;
};

QTEST_MAIN(TestWrongBase)
#include "test_wrong_base.moc"
