// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/composer.h"

#include <QAbstractTextDocumentLayout>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/frame/metrics.h"
#include "ui/frame/text.h"

namespace deltascope::ui {
namespace {

constexpr int kMinLines = 2, kMaxLines = 8;

}  // namespace

Composer::Composer(QWidget* parent) : QWidget(parent) {
  setObjectName("chatComposer");
  m_edit = new QPlainTextEdit;
  m_edit->setObjectName("chatInput");
  m_edit->setAccessibleName("Message");
  m_edit->setTabChangesFocus(true);
  m_edit->installEventFilter(this);
  m_button = new QPushButton;
  m_button->setObjectName("chatSend");
  m_button->setProperty("primary", true);
  m_button->setAutoDefault(false);
  m_button->setMinimumWidth(characters(*this, 14));
  m_editing = new TextLabel(TextKind::Body);
  m_editing->setObjectName("chatEditing");
  m_leave = new QPushButton("Keep as it was");
  m_leave->setObjectName("chatLeaveEditing");
  m_leave->setToolTip("Leave the message as it was (Esc)");
  m_leave->setAutoDefault(false);
  m_hint = new TextLabel(TextKind::Muted);
  m_hint->setObjectName("chatHint");
  connect(m_edit, &QPlainTextEdit::textChanged, this, [this] {
    fit();
    refresh();
    emit textChanged();
  });
  connect(m_button, &QPushButton::clicked, this, &Composer::press);
  connect(m_leave, &QPushButton::clicked, this, &Composer::editingLeft);

  auto* above = new QHBoxLayout;
  above->addWidget(m_editing, 1);
  above->addWidget(m_leave);
  auto* line = new QHBoxLayout;
  line->addWidget(m_edit, 1);
  line->addWidget(m_button, 0, Qt::AlignBottom);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 4), steps(*this, 2), steps(*this, 4), steps(*this, 2));
  layout->setSpacing(steps(*this, 1));
  layout->addLayout(above);
  layout->addLayout(line);
  layout->addWidget(m_hint);
  setFocusProxy(m_edit);
  setEditing({});
  fit();
  refresh();
}

QString Composer::text() const { return m_edit->toPlainText(); }

void Composer::setText(const QString& text) {
  if (text == this->text()) return;
  m_edit->setPlainText(text);
  m_edit->moveCursor(QTextCursor::End);
}

void Composer::setState(State state) {
  m_state = state;
  refresh();
}

void Composer::setBlocked(const QString& reason) {
  m_blocked = reason;
  refresh();
}

void Composer::setAddressee(const QString& who) {
  m_edit->setPlaceholderText(who.isEmpty() ? QString("Message") : "Message to " + who);
}

void Composer::setEditing(const QString& words) {
  m_editing->setText(words);
  m_editing->setVisible(!words.isEmpty());
  m_leave->setVisible(!words.isEmpty());
}

void Composer::press() {
  if (m_state == State::Running) return emit stopRequested();
  if (m_state == State::Ready && m_blocked.isEmpty() && !text().trimmed().isEmpty()) emit sendRequested(text());
}

/// One button in one place, whatever it does now.
void Composer::refresh() {
  const bool ready = m_state == State::Ready;
  m_button->setText(ready ? "&Send" : m_state == State::Running ? "S&top" : "Stopping");
  m_button->setToolTip(ready ? "Send the message (Enter)" : "Stop the answer (Esc)");
  m_button->setEnabled(m_state == State::Running || (ready && m_blocked.isEmpty() && !text().trimmed().isEmpty()));
  m_hint->setText(!m_blocked.isEmpty() ? m_blocked
                  : ready              ? QString("Enter sends, Shift+Enter begins a new line")
                                       : QString("Esc stops the answer"));
}

void Composer::fit() {
  const int lines = std::clamp(m_edit->document()->documentLayout()->documentSize().height() < 1
                                   ? 1
                                   : static_cast<int>(m_edit->document()->documentLayout()->documentSize().height()),
                               kMinLines, kMaxLines);
  const double margins = 2 * m_edit->document()->documentMargin() + 2 * m_edit->frameWidth();
  m_edit->setFixedHeight(qRound(lines * QFontMetricsF(m_edit->font()).lineSpacing() + margins));
}

bool Composer::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_edit && event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    const bool enter = key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter;
    if (enter && !(key->modifiers() & (Qt::ShiftModifier | Qt::ControlModifier | Qt::AltModifier))) {
      if (m_state == State::Ready) press();  // Enter never stops an answer
      return true;
    }
  }
  if (watched == m_edit && event->type() == QEvent::Resize) fit();
  return QWidget::eventFilter(watched, event);
}

void Composer::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::FontChange) fit();
}

}  // namespace deltascope::ui
