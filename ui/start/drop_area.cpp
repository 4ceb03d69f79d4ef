// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/start/drop_area.h"

#include <QPainter>

#include "ui/frame/theme.h"

namespace deltascope::ui {

DropArea::DropArea(QWidget* parent) : QWidget(parent) { setObjectName("dropArea"); }

void DropArea::setLit(bool lit) {
  m_lit = lit;
  update();
}

void DropArea::paintEvent(QPaintEvent*) {
  const ThemeColors& colors = colorsOf(palette());
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  QColor ground = colors.accent;
  ground.setAlphaF(m_lit ? 0.14f : 0.0f);
  painter.setBrush(m_lit ? ground : colors.base);
  painter.setPen(QPen(m_lit ? colors.accent : colors.faint, 1.2, Qt::DashLine));
  painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 6, 6);
}

}  // namespace deltascope::ui
