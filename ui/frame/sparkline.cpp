// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/sparkline.h"

#include <QPainter>
#include <algorithm>

#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {

Sparkline::Sparkline(QWidget* parent) : QWidget(parent) { setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Preferred); }

void Sparkline::add(double value) {
  m_values.push_back(value);
  if (m_values.size() > kSamples) m_values.pop_front();
  if (isVisible()) update();
}

QSize Sparkline::sizeHint() const { return {steps(*this, 15), steps(*this, 3.5)}; }

void Sparkline::paintEvent(QPaintEvent*) {
  if (m_values.empty()) return;
  const double largest = *std::max_element(m_values.begin(), m_values.end());
  if (largest <= 0) return;
  QColor ink = colorsOf(palette()).accent;
  ink.setAlphaF(0.55f);
  QPainter painter(this);
  const double step = double(width()) / double(kSamples), tall = steps(*this, 3.5);
  const double bottom = (height() + tall) / 2;
  double x = width() - step * double(m_values.size());
  for (const double value : m_values) {
    const double h = std::max(1.0, tall * value / largest);
    painter.fillRect(QRectF(x, bottom - h, std::max(1.0, step), h), ink);
    x += step;
  }
}

}  // namespace deltascope::ui
