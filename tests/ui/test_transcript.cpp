// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QLabel>
#include <QtTest>

#include "tests/ui/warnings.h"
#include "ui/chat/message_text.h"
#include "ui/chat/transcript.h"

using namespace deltascope::ui;

namespace {

/// Looks, at every paint of the answer or of its figures, whether they lie on each other.
class OverlapWatch : public QObject {
 public:
  OverlapWatch(QWidget& text, QWidget& figures) : m_text(text), m_figures(figures) {
    for (QWidget* widget : {&m_text, &m_figures}) widget->installEventFilter(this);
    if (auto* edit = qobject_cast<QAbstractScrollArea*>(&text)) edit->viewport()->installEventFilter(this);
  }
  int paints = 0, overlaps = 0;

 protected:
  bool eventFilter(QObject*, QEvent* event) override {
    if (event->type() != QEvent::Paint || !m_figures.isVisible()) return false;
    ++paints;
    overlaps += m_text.geometry().intersects(m_figures.geometry());
    return false;
  }

 private:
  QWidget& m_text;
  QWidget& m_figures;
};

}  // namespace

class TestTranscript : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
  }
  void init() { failOnAnyWarning(); }

  void anAnswerThatGrowsIsNeverPaintedOverItsFigures_data() {
    QTest::addColumn<int>("height");
    QTest::newRow("shorter than the view") << 900;
    QTest::newRow("longer, followed at its end") << 260;
  }
  void anAnswerThatGrowsIsNeverPaintedOverItsFigures() {
    QFETCH(int, height);
    Transcript transcript;
    transcript.resize(520, height);
    transcript.show();
    QVERIFY(QTest::qWaitForWindowExposed(&transcript));
    Exchange exchange;
    exchange.user = "Say something long.";
    Answer answer;
    answer.model = "exact (NF4 + delta)";
    answer.state = Answer::State::Waiting;
    exchange.answers = {answer};
    transcript.append(exchange);
    QTest::qWait(20);
    auto* text = transcript.findChild<MessageText*>("answerText_1_0");
    auto* figures = transcript.findChild<QLabel*>("answerFigures_1_0");
    QVERIFY(text && figures);
    OverlapWatch watch(*text, *figures);
    for (int i = 0; i < 400; ++i) {
      transcript.appendText(0, 0, QString("word%1 ").arg(i));
      if (i % 3 == 0)
        transcript.showLive(0, 0,
                            QString("%1 tokens  ·  486.1 tok/s  ·  memory 63.67 MiB of 19.51 GiB, peak 63.67 MiB").arg(i));
      QCoreApplication::sendPostedEvents(nullptr, QEvent::UpdateRequest);  // a screen that is ready at once
      QCoreApplication::processEvents();
    }
    QVERIFY(watch.paints > 50);
    QCOMPARE(watch.overlaps, 0);
    QVERIFY(figures->y() >= text->geometry().bottom());
  }
};

QTEST_MAIN(TestTranscript)
#include "test_transcript.moc"
