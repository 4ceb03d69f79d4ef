// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/message_bar.h"

#include <QClipboard>
#include <QEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>
#include <utility>

#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

QToolButton* barButton(const char* name, const QString& text, const QString& tip) {
  auto* button = new QToolButton;
  button->setObjectName(name);
  button->setText(text);
  button->setToolTip(tip);
  button->setAccessibleName(tip);
  button->setAutoRaise(true);
  button->setFocusPolicy(Qt::StrongFocus);
  button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  return button;
}

QColor severityColor(Message::Severity severity, const ThemeColors& colors) {
  switch (severity) {
    case Message::Severity::Info:
      return colors.accent;
    case Message::Severity::Success:
      return colors.good;
    case Message::Severity::Warning:
      return colors.warn;
    case Message::Severity::Error:
      return colors.bad;
  }
  return colors.text;
}

QString severityIcon(Message::Severity severity) {
  switch (severity) {
    case Message::Severity::Info:
      return "info";
    case Message::Severity::Success:
      return "success";
    case Message::Severity::Warning:
      return "warning";
    case Message::Severity::Error:
      return "error";
  }
  return {};
}

QString plainText(const Message& message) {
  QString text = severityWord(message.severity) + ": " + message.text;
  if (!message.nextStep.isEmpty()) text += "\n" + message.nextStep;
  if (!message.details.isEmpty()) text += "\n\n" + message.details;
  return text;
}

}  // namespace

MessageBar::MessageBar(QWidget* parent) : QFrame(parent) {
  setObjectName("messageBar");
  m_icon = new QLabel;
  m_text = new QLabel;
  m_text->setObjectName("messageText");
  m_text->setWordWrap(true);
  m_text->setTextFormat(Qt::RichText);
  m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_action = new QPushButton;
  m_action->setObjectName("messageAction");
  m_detailsButton = barButton("messageDetailsButton", "D&etails", "Show the details of this message");
  m_detailsButton->setCheckable(true);
  m_copy = barButton("messageCopy", "Cop&y", "Copy this message");
  m_dismiss = barButton("messageDismiss", "Di&smiss", "Hide this message");
  m_details = new QPlainTextEdit;
  m_details->setObjectName("messageDetails");
  m_details->setAccessibleName("Details of this message");
  m_details->setReadOnly(true);
  m_details->setTabChangesFocus(true);
  m_details->setFrameShape(QFrame::NoFrame);

  auto* line = new QHBoxLayout;
  line->addWidget(m_icon);
  line->addWidget(m_text, 1);
  for (QWidget* button : {static_cast<QWidget*>(m_action), static_cast<QWidget*>(m_detailsButton),
                          static_cast<QWidget*>(m_copy), static_cast<QWidget*>(m_dismiss)})
    line->addWidget(button);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 3), steps(*this, 1.5), steps(*this, 2), steps(*this, 1.5));
  layout->addLayout(line);
  layout->addWidget(m_details);

  connect(m_action, &QPushButton::clicked, this, [this] {
    const auto action = m_message.action;  // the action may raise another message
    dismiss();
    if (action) action();
  });
  connect(m_detailsButton, &QToolButton::toggled, m_details, &QWidget::setVisible);
  connect(m_copy, &QToolButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(plainText(m_message)); });
  connect(m_dismiss, &QToolButton::clicked, this, &MessageBar::dismiss);
  dismiss();
}

void MessageBar::show(const Message& message) {
  m_message = message;
  QString html = QString("<b>%1.</b> %2").arg(severityWord(message.severity), message.text.toHtmlEscaped());
  if (!message.nextStep.isEmpty()) html += "<br/>" + message.nextStep.toHtmlEscaped();
  m_text->setText(html);
  setAccessibleName(plainText(message));
  m_action->setVisible(!message.actionText.isEmpty());
  m_action->setText(message.actionText);
  m_detailsButton->setVisible(!message.details.isEmpty());
  m_detailsButton->setChecked(false);
  m_details->setPlainText(message.details);
  m_details->setFixedHeight(m_details->fontMetrics().lineSpacing() * 5);
  m_details->hide();
  applyColors();
  setVisible(true);
}

void MessageBar::dismiss() {
  m_message = {};
  m_details->hide();
  setVisible(false);
}

void MessageBar::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange) applyColors();
  QFrame::changeEvent(event);
}

void MessageBar::applyColors() {
  const QColor color = severityColor(m_message.severity, colorsOf(palette()));
  const int side = style()->pixelMetric(QStyle::PM_SmallIconSize, nullptr, this);
  m_icon->setPixmap(tintedIcon(severityIcon(m_message.severity), color).pixmap(QSize(side, side), devicePixelRatioF()));
  m_copy->setIcon(themedIcon("copy", palette()));
  m_dismiss->setIcon(themedIcon("close", palette()));
  update();
}

void MessageBar::paintEvent(QPaintEvent*) {
  const ThemeColors& colors = colorsOf(palette());
  QPainter painter(this);
  painter.fillRect(rect(), colors.raised);
  painter.fillRect(QRect(0, 0, qMax(3, steps(*this, 0.75)), height()), severityColor(m_message.severity, colors));
  painter.setPen(colors.line);
  painter.drawLine(rect().bottomLeft(), rect().bottomRight());
}

}  // namespace deltascope::ui
