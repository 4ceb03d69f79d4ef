// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/text.h"

#include <QApplication>
#include <QEvent>

#include "ui/frame/theme.h"

namespace deltascope::ui {

TextLabel::TextLabel(TextKind kind, const QString& text, QWidget* parent) : QLabel(text, parent), m_kind(kind) {
  setTextFormat(Qt::PlainText);
  if (kind == TextKind::Heading) setObjectName("heading");
  setWordWrap(kind != TextKind::Heading && kind != TextKind::Title);
  apply();
}

bool TextLabel::event(QEvent* event) {
  const bool handled = QLabel::event(event);
  if (event->type() == QEvent::ParentChange && parentWidget()) {
    parentWidget()->installEventFilter(this);
    apply();
  }
  if (event->type() == QEvent::PaletteChange && !m_applying) apply();
  return handled;
}

/// A label with a size of its own hears nothing of a new font; its parent does.
bool TextLabel::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::FontChange && watched == parentWidget()) apply();
  return QLabel::eventFilter(watched, event);
}

void TextLabel::apply() {
  m_applying = true;
  if (m_kind == TextKind::Heading || m_kind == TextKind::Title) {
    QFont font = parentWidget() ? parentWidget()->font() : QApplication::font();
    font.setPointSizeF(font.pointSizeF() * (m_kind == TextKind::Title ? 1.9 : 1.1));
    font.setWeight(m_kind == TextKind::Title ? QFont::Normal : QFont::DemiBold);
    setFont(font);
  }
  if (m_kind == TextKind::Muted || m_kind == TextKind::Problem) {
    const ThemeColors& colors = colorsOf(QApplication::palette());
    QPalette own;
    own.setColor(QPalette::WindowText, m_kind == TextKind::Muted ? colors.muted : colors.bad);
    setPalette(own);
  }
  m_applying = false;
}

}  // namespace deltascope::ui
