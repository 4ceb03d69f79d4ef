// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/state_stack.h"

#include <QEvent>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {

StateStack::StateStack(QWidget* content, QWidget* parent) : QStackedWidget(parent) {
  addWidget(content);
  auto* page = new QWidget;
  auto* layout = new QVBoxLayout(page);
  m_label = new QLabel;
  m_label->setWordWrap(true);
  m_label->setAlignment(Qt::AlignCenter);
  m_label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_button = new QPushButton;
  m_button->hide();
  layout->addStretch();
  layout->addWidget(m_label);
  layout->addSpacing(steps(*this, 2));
  layout->addWidget(m_button, 0, Qt::AlignHCenter);
  layout->addStretch();
  addWidget(page);
  connect(m_button, &QPushButton::clicked, this, &StateStack::buttonPressed);
  restyle();
}

void StateStack::showContent() { setCurrentIndex(0); }

void StateStack::showWords(const QString& text, const QString& button) {
  m_label->setText(text);
  m_button->setText(button);
  m_button->setVisible(!button.isEmpty());
  setCurrentIndex(1);
}

QString StateStack::words() const { return showsContent() ? QString() : m_label->text(); }

void StateStack::restyle() {
  QPalette muted = palette();
  muted.setColor(QPalette::WindowText, colorsOf(palette()).muted);
  m_label->setPalette(muted);
}

void StateStack::changeEvent(QEvent* event) {
  QStackedWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) restyle();
}

}  // namespace deltascope::ui
