// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/exchange_view.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

#include "ui/chat/answer_view.h"
#include "ui/chat/message_text.h"
#include "ui/chat/small_button.h"
#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/text.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

/// The ground of what the user said; with an accent edge while it is being edited.
class Card : public QWidget {
 public:
  bool edited = false;

 protected:
  void paintEvent(QPaintEvent*) override {
    const ThemeColors& colors = colorsOf(palette());
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(edited ? colors.accent : colors.line, edited ? 2 : 1));
    painter.setBrush(colors.base);
    const double radius = steps(*this, 1);
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), radius, radius);
  }
};

}  // namespace

ExchangeView::ExchangeView(int number, QWidget* parent) : QWidget(parent), m_number(number) {
  setObjectName(QString("exchange_%1").arg(number));
  auto* name = new TextLabel(TextKind::Heading, "You");
  m_user = new MessageText(QString("userText_%1").arg(number), QString("Message %1, yours").arg(number));
  m_copy = smallButton(QString("userCopy_%1").arg(number), QString("Copy message %1").arg(number));
  m_edit = smallButton(QString("userEdit_%1").arg(number), QString("Edit message %1").arg(number));
  m_edit->setToolTip("Edit and send again; what follows is removed (Ctrl+Shift+U for the last)");
  connect(m_copy, &QToolButton::clicked, this, [this] { emit copyRequested(-1); });
  connect(m_edit, &QToolButton::clicked, this, &ExchangeView::editRequested);

  m_card = new Card;
  auto* head = new QHBoxLayout;
  head->addWidget(name);
  head->addStretch(1);
  head->addWidget(m_copy);
  head->addWidget(m_edit);
  auto* said = new QVBoxLayout(m_card);
  said->setContentsMargins(steps(*this, 3), steps(*this, 1), steps(*this, 2), steps(*this, 2));
  said->setSpacing(steps(*this, 0.5));
  said->addLayout(head);
  said->addWidget(m_user);
  m_columns = new QHBoxLayout;
  m_columns->setContentsMargins(steps(*this, 3), 0, steps(*this, 2), 0);
  m_columns->setSpacing(steps(*this, 6));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, steps(*this, 4));
  layout->setSpacing(steps(*this, 2));
  layout->addWidget(m_card);
  layout->addLayout(m_columns);
  applyIcons();
}

void ExchangeView::makeAnswers(int count) {
  while (m_answers.size() > count) delete m_answers.takeLast();
  while (m_answers.size() < count) {
    auto* answer = new AnswerView(m_number, static_cast<int>(m_answers.size()));
    answer->setBusy(m_busy);
    connect(answer, &AnswerView::copyRequested, this, &ExchangeView::copyRequested);
    connect(answer, &AnswerView::regenerateRequested, this, &ExchangeView::regenerateRequested);
    m_answers.append(answer);
    m_columns->addWidget(answer, 1);
  }
}

void ExchangeView::setExchange(const Exchange& exchange) {
  if (m_user->plain() != exchange.user || exchange.user.isEmpty()) m_user->setPlain(exchange.user);
  makeAnswers(static_cast<int>(exchange.answers.size()));
  const bool compared = exchange.answers.size() > 1;
  for (qsizetype side = 0; side < exchange.answers.size(); ++side)
    m_answers[side]->setAnswer(exchange.answers[side], exchange.comparison, compared);
}

bool ExchangeView::render() {
  for (AnswerView* answer : m_answers)
    if (answer->render()) return true;
  return false;
}

void ExchangeView::setBusy(bool busy) {
  m_busy = busy;
  m_edit->setEnabled(!busy);
  for (AnswerView* answer : m_answers) answer->setBusy(busy);
}

void ExchangeView::setEdited(bool edited) {
  auto* card = static_cast<Card*>(m_card);
  card->edited = edited;
  card->update();
}

void ExchangeView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) applyIcons();
}

void ExchangeView::applyIcons() {
  m_copy->setIcon(themedIcon("copy", palette()));
  m_edit->setIcon(themedIcon("edit", palette()));
}

}  // namespace deltascope::ui
