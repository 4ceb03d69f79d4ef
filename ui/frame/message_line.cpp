// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/message_line.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QMenu>
#include <QPainter>
#include <QToolButton>

#include "ui/frame/icons.h"
#include "ui/frame/message_bar.h"
#include "ui/frame/metrics.h"
#include "ui/frame/text.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr int kMenuCharacters = 90;

}  // namespace

MessageLine::MessageLine(QWidget* parent) : QWidget(parent) {
  setObjectName("messageLine");
  setAccessibleName("Messages of this page");
  m_bar = new MessageBar;
  m_idle = new TextLabel(TextKind::Muted);
  m_idle->setObjectName("messageIdle");
  m_idle->setWordWrap(false);
  m_idle->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_menu = new QMenu(this);
  m_menu->setObjectName("messageEarlierMenu");
  m_earlier = new QToolButton;
  m_earlier->setObjectName("messageEarlier");
  m_earlier->setToolTip("Messages of this page, the newest first");
  m_earlier->setAccessibleName("Earlier messages of this page");
  m_earlier->setAutoRaise(true);
  m_earlier->setFocusPolicy(Qt::StrongFocus);
  m_earlier->setPopupMode(QToolButton::InstantPopup);
  m_earlier->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_earlier->setMenu(m_menu);
  auto* line = new QHBoxLayout(this);
  line->setContentsMargins(0, 0, steps(*this, 2), 0);
  line->setSpacing(steps(*this, 1));
  line->addWidget(m_bar, 1);
  line->addWidget(m_idle, 1);
  line->addWidget(m_earlier);
  connect(m_menu, &QMenu::aboutToShow, this, &MessageLine::fillMenu);
  connect(m_bar, &MessageBar::dismissed, this, [this] {
    m_log.takeDown(m_page);
    refresh();
  });
  applySizes();
  refresh();
}

void MessageLine::post(const QString& page, const Message& message) {
  m_log.add(page, QDateTime::currentDateTime(), message);
  if (page == m_page)
    refresh();
  else
    emit waiting(page, true);
}

void MessageLine::setPage(const QString& page) {
  emit waiting(page, false);
  if (m_page == page) return;
  m_page = page;
  refresh();
}

void MessageLine::retire(const QString& page) {
  m_log.takeDown(page);
  emit waiting(page, false);
  if (page == m_page) refresh();
}

bool MessageLine::escape() { return m_bar->escape(); }

void MessageLine::setIdleText(const QString& text) { m_idle->setText(text); }

void MessageLine::refresh() {
  const auto standing = m_log.standing(m_page);
  if (standing)
    m_bar->show(*standing);
  else
    m_bar->hideMessage();
  m_idle->setVisible(!standing);
  const auto count = m_log.entries(m_page).size();
  m_earlier->setText(QString::number(count));
  m_earlier->setVisible(count > (standing ? 1 : 0));
}

void MessageLine::fillMenu() {
  m_menu->clear();
  const auto entries = m_log.entries(m_page);
  for (qsizetype i = entries.size(); i-- > 0;) {
    const auto& [when, message] = entries[i];
    QString text = QString("%1  %2. %3").arg(when.toString("HH:mm:ss"), severityWord(message.severity), message.text);
    if (text.size() > kMenuCharacters) text = text.left(kMenuCharacters - 1) + u'…';
    QAction* action = m_menu->addAction(text.replace('&', "&&"));
    connect(action, &QAction::triggered, this, [this, i] {
      m_log.bringBack(m_page, i);
      refresh();
    });
  }
}

/// As high as a message with all of its buttons.
void MessageLine::applySizes() {
  setFixedHeight(m_bar->lineHeight());
  m_idle->setContentsMargins(steps(*this, 3), 0, 0, 0);
  m_earlier->setIcon(themedIcon("info", palette()));
}

void MessageLine::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) applySizes();
  QWidget::changeEvent(event);
}

void MessageLine::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(colorsOf(palette()).line);
  painter.drawLine(rect().bottomLeft(), rect().bottomRight());
}

}  // namespace deltascope::ui
