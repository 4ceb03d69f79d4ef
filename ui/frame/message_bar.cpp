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
#include <algorithm>

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
  m_text->setTextFormat(Qt::RichText);
  m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_action = new QPushButton;
  m_action->setObjectName("messageAction");
  m_other = new QPushButton;
  m_other->setObjectName("messageOtherAction");
  m_detailsButton = barButton("messageDetailsButton", "Detai&ls", "Show the whole of this message");
  m_detailsButton->setCheckable(true);
  m_copy = barButton("messageCopy", "Cop&y", "Copy this message");
  m_dismiss = barButton("messageDismiss", "Dismiss", "Hide this message (Escape)");
  makeSheet();

  auto* line = new QHBoxLayout(this);
  line->setContentsMargins(steps(*this, 3), 0, 0, 0);
  line->addWidget(m_icon);
  line->addWidget(m_text, 1);
  for (QWidget* button :
       {static_cast<QWidget*>(m_action), static_cast<QWidget*>(m_other), static_cast<QWidget*>(m_detailsButton),
        static_cast<QWidget*>(m_copy), static_cast<QWidget*>(m_dismiss)})
    line->addWidget(button);

  connect(m_action, &QPushButton::clicked, this, [this] { press(m_message.action); });
  connect(m_other, &QPushButton::clicked, this, [this] { press(m_message.otherAction); });
  connect(m_detailsButton, &QToolButton::toggled, this, &MessageBar::showDetails);
  connect(m_copy, &QToolButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(plainText(m_message)); });
  connect(m_dismiss, &QToolButton::clicked, this, &MessageBar::dismiss);
  hideMessage();
}

void MessageBar::makeSheet() {
  m_sheet = new QFrame(this);
  m_sheet->setObjectName("messageSheet");
  m_sheet->setAccessibleName("The whole message");
  m_sheet->setAutoFillBackground(true);
  m_sheet->setFrameShape(QFrame::StyledPanel);
  m_whole = new QLabel;
  m_whole->setObjectName("messageWhole");
  m_whole->setTextFormat(Qt::PlainText);
  m_whole->setWordWrap(true);
  m_whole->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  m_details = new QPlainTextEdit;
  m_details->setObjectName("messageDetails");
  m_details->setAccessibleName("Details of this message");
  m_details->setReadOnly(true);
  m_details->setTabChangesFocus(true);
  m_details->setFrameShape(QFrame::NoFrame);
  auto* column = new QVBoxLayout(m_sheet);
  column->addWidget(m_whole);
  column->addWidget(m_details);
  m_sheet->hide();
}

/// The action may raise another message, or need this one again.
void MessageBar::press(const std::function<void()>& action) {
  const auto kept = action;
  if (!m_message.stays) dismiss();
  if (kept) kept();
}

void MessageBar::show(const Message& message) {
  m_message = message;
  setAccessibleName(plainText(message));
  m_action->setVisible(!message.actionText.isEmpty());
  m_action->setText(message.actionText);
  m_other->setVisible(!message.otherText.isEmpty());
  m_other->setText(message.otherText);
  m_whole->setText(message.nextStep.isEmpty() ? message.text : message.text + '\n' + message.nextStep);
  m_details->setPlainText(message.details);
  m_detailsButton->setChecked(false);
  showDetails(false);
  applyColors();
  setVisible(true);
  fitText();
}

void MessageBar::hideMessage() {
  m_message = {};
  m_detailsButton->setChecked(false);
  showDetails(false);
  setVisible(false);
}

void MessageBar::dismiss() {
  hideMessage();
  emit dismissed();
}

bool MessageBar::escape() {
  if (isHidden()) return false;
  if (m_detailsButton->isChecked()) {
    m_detailsButton->setChecked(false);
    m_detailsButton->setFocus();
  } else {
    dismiss();
  }
  return true;
}

int MessageBar::lineHeight() const {
  int highest = fontMetrics().height() + steps(*this, 2);
  for (const QWidget* button : {static_cast<const QWidget*>(m_action), static_cast<const QWidget*>(m_dismiss)})
    highest = std::max(highest, button->sizeHint().height());
  return highest + steps(*this, 1.5);
}

/// The line has what fits of it; the rest is one press away.
void MessageBar::fitText() {
  const QFontMetrics metrics(font());
  QFont bold = font();
  bold.setBold(true);
  const QString word = severityWord(m_message.severity) + ". ";
  const int room = m_text->width() - QFontMetrics(bold).horizontalAdvance(word) - steps(*this, 1);
  const QString words = m_message.nextStep.isEmpty() ? m_message.text : m_message.text + "  —  " + m_message.nextStep;
  const QString shown = metrics.elidedText(words.simplified(), Qt::ElideRight, std::max(0, room));
  m_text->setText(QString("<b>%1</b>%2").arg(word, shown.toHtmlEscaped()));
  m_text->setToolTip(m_whole->text());
  m_detailsButton->setVisible(!m_message.details.isEmpty() || shown != words.simplified());
}

void MessageBar::showDetails(bool shown) {
  m_details->setVisible(shown && !m_message.details.isEmpty());
  if (shown) {
    if (QWidget* over = parentWidget() ? parentWidget()->parentWidget() : nullptr; over && m_sheet->parentWidget() != over)
      m_sheet->setParent(over);
    m_details->setFixedHeight(m_details->fontMetrics().lineSpacing() * 7);
    placeSheet();
    m_sheet->raise();
  }
  m_sheet->setVisible(shown);
}

void MessageBar::placeSheet() {
  if (!m_detailsButton->isChecked() || m_sheet->parentWidget() == this) return;
  const QPoint below = mapTo(m_sheet->parentWidget(), QPoint(0, height()));
  const int most = m_sheet->parentWidget()->height() - below.y();
  const int wanted =
      m_sheet->layout()->hasHeightForWidth() ? m_sheet->layout()->totalHeightForWidth(width()) : m_sheet->sizeHint().height();
  m_sheet->setGeometry(below.x(), below.y(), width(), std::min(wanted, most));
}

void MessageBar::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange) applyColors();
  if (event->type() == QEvent::FontChange) fitText();
  QFrame::changeEvent(event);
}

void MessageBar::moveEvent(QMoveEvent* event) {
  QFrame::moveEvent(event);
  placeSheet();
}

void MessageBar::resizeEvent(QResizeEvent* event) {
  QFrame::resizeEvent(event);
  layout()->activate();
  fitText();
  placeSheet();
}

void MessageBar::applyColors() {
  const ThemeColors& colors = colorsOf(palette());
  const QColor color = severityColor(m_message.severity, colors);
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
