// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/text.h"

#include <QApplication>
#include <QEvent>

#include "ui/frame/theme.h"

namespace deltascope::ui {

TextLabel::TextLabel(TextKind kind, const QString& text, QWidget* parent) : QLabel(text, parent), m_kind(kind) {
  setTextFormat(Qt::PlainText);
  setWordWrap(kind != TextKind::Heading && kind != TextKind::Title);
  apply();
}

void TextLabel::changeEvent(QEvent* event) {
  const auto type = event->type();
  if (!m_applying && (type == QEvent::PaletteChange || type == QEvent::ApplicationFontChange || type == QEvent::FontChange))
    apply();
  QLabel::changeEvent(event);
}

void TextLabel::apply() {
  m_applying = true;
  if (m_kind == TextKind::Heading || m_kind == TextKind::Title) {
    QFont font = QApplication::font();
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
