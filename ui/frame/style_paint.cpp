// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/style_paint.h"

#include <QPainter>
#include <QPainterPath>
#include <QStyleOption>
#include <algorithm>

#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr double kCorner = 4;

QColor mixed(const QColor& a, const QColor& b, double share) {
  const auto mix = [share](float x, float y) { return static_cast<float>(x + (y - x) * share); };
  return QColor::fromRgbF(mix(a.redF(), b.redF()), mix(a.greenF(), b.greenF()), mix(a.blueF(), b.blueF()));
}

/// Lines of fields and boxes are stronger than those between things.
QColor edgeColor(const QStyleOption& option) {
  const ThemeColors& colors = colorsOf(option.palette);
  return option.state & QStyle::State_Enabled ? mixed(colors.line, colors.faint, 0.6) : colors.line;
}

struct Painting {
  explicit Painting(QPainter& painter) : m_painter(painter) {
    m_painter.save();
    m_painter.setRenderHint(QPainter::Antialiasing);
  }
  ~Painting() { m_painter.restore(); }
  QPainter& m_painter;
};

QRectF squareIn(const QRect& rect) {
  const double side = std::min(rect.width(), rect.height()) - 1.5;
  return QRectF(rect.x() + (rect.width() - side) / 2.0, rect.y() + (rect.height() - side) / 2.0, side, side);
}

/// Ground and edge of a box that can be on.
void setBoxColors(const QStyleOption& option, QPainter& painter, bool on) {
  const ThemeColors& colors = colorsOf(option.palette);
  const bool enabled = option.state & QStyle::State_Enabled;
  const QColor ground = on ? (enabled ? colors.accent : colors.faint) : (enabled ? colors.base : colors.window);
  const bool lit = enabled && option.state & (QStyle::State_HasFocus | QStyle::State_MouseOver);
  painter.setBrush(ground);
  painter.setPen(QPen(on ? ground : lit ? colors.accent : edgeColor(option), 1));
}

}  // namespace

void paintButtonPanel(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  const ThemeColors& colors = colorsOf(option.palette);
  const bool enabled = option.state & QStyle::State_Enabled;
  QColor fill = option.palette.color(QPalette::Button);
  const bool accented = option.palette.color(QPalette::Active, QPalette::Button) == colors.accent;
  if (option.state & (QStyle::State_Sunken | QStyle::State_On))
    fill = mixed(fill, colors.text, 0.14);
  else if (enabled && option.state & QStyle::State_MouseOver)
    fill = mixed(fill, colors.text, 0.06);
  const bool focused = option.state & QStyle::State_HasFocus;
  painter.setBrush(enabled ? fill : option.palette.color(QPalette::Window));
  painter.setPen(QPen(focused && !accented ? colors.accent : accented && enabled ? fill : colors.line, focused ? 1.5 : 1.0));
  painter.drawRoundedRect(QRectF(option.rect).adjusted(0.75, 0.75, -0.75, -0.75), kCorner, kCorner);
}

void paintFieldFrame(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  const bool focused = option.state & QStyle::State_HasFocus && option.state & QStyle::State_Enabled;
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(focused ? colorsOf(option.palette).accent : edgeColor(option), focused ? 1.5 : 1.0));
  painter.drawRoundedRect(QRectF(option.rect).adjusted(0.75, 0.75, -0.75, -0.75), kCorner - 1, kCorner - 1);
}

void paintCheckBox(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  const QRectF box = squareIn(option.rect);
  const bool on = option.state & QStyle::State_On, partly = option.state & QStyle::State_NoChange;
  setBoxColors(option, painter, on || partly);
  painter.drawRoundedRect(box, 2.5, 2.5);
  if (!on && !partly) return;
  painter.setPen(QPen(colorsOf(option.palette).onAccent, box.width() / 8, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
  const auto at = [&box](double x, double y) { return QPointF(box.x() + box.width() * x, box.y() + box.height() * y); };
  const QPointF tick[] = {at(0.24, 0.53), at(0.43, 0.71), at(0.77, 0.31)};
  const QPointF dash[] = {at(0.26, 0.5), at(0.74, 0.5)};
  if (partly)
    painter.drawPolyline(dash, 2);
  else
    painter.drawPolyline(tick, 3);
}

void paintRadioButton(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  const QRectF box = squareIn(option.rect);
  const bool on = option.state & QStyle::State_On;
  setBoxColors(option, painter, on);
  painter.drawEllipse(box);
  if (!on) return;
  painter.setPen(Qt::NoPen);
  painter.setBrush(colorsOf(option.palette).onAccent);
  painter.drawEllipse(box.center(), box.width() * 0.2, box.width() * 0.2);
}

void paintFocusFrame(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(colorsOf(option.palette).accent, 1));
  painter.drawRoundedRect(QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2);
}

void paintHeaderSection(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  const ThemeColors& colors = colorsOf(option.palette);
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.fillRect(option.rect,
                   option.state & QStyle::State_MouseOver ? mixed(colors.window, colors.text, 0.06) : colors.window);
  painter.setPen(QPen(colors.line, 1));
  painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
}

void paintProgressGroove(const QStyleOption& option, QPainter& painter) {
  const Painting painting(painter);
  const ThemeColors& colors = colorsOf(option.palette);
  const double radius = std::min(option.rect.height() / 2.0, kCorner - 1);
  painter.setPen(Qt::NoPen);
  painter.setBrush(mixed(colors.window, colors.line, 0.8));
  painter.drawRoundedRect(option.rect, radius, radius);
}

void paintProgressContents(const QStyleOptionProgressBar& option, QPainter& painter) {
  const Painting painting(painter);
  QRectF bar = option.rect;
  bar.setWidth(bar.width() * (option.progress - option.minimum) / double(option.maximum - option.minimum));
  if (bar.width() < 1) return;
  const double radius = std::min(bar.height() / 2, kCorner - 1);
  painter.setPen(Qt::NoPen);
  painter.setBrush(colorsOf(option.palette).accent);
  painter.drawRoundedRect(bar, radius, radius);
}

}  // namespace deltascope::ui
