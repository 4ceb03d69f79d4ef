// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/style.h"

#include <QApplication>
#include <QFontMetricsF>
#include <QPainter>
#include <QStyleFactory>
#include <QStyleOption>
#include <QWidget>

#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

/// How large the application's font is, against the 16 px line for which Fusion's lengths were drawn.
double fontScale() { return QFontMetricsF(QApplication::font()).height() / 16.0; }

QColor mixed(const QColor& a, const QColor& b, double share) {
  const auto mix = [share](float x, float y) { return static_cast<float>(x + (y - x) * share); };
  return QColor::fromRgbF(mix(a.redF(), b.redF()), mix(a.greenF(), b.greenF()), mix(a.blueF(), b.blueF()));
}

void drawButtonPanel(const QStyleOption& option, QPainter& painter) {
  const ThemeColors& colors = colorsOf(option.palette);
  const bool enabled = option.state & QStyle::State_Enabled;
  const bool pressed = option.state & (QStyle::State_Sunken | QStyle::State_On);
  const bool hover = enabled && option.state & QStyle::State_MouseOver;
  QColor fill = option.palette.color(QPalette::Button);
  if (pressed)
    fill = mixed(fill, colors.text, 0.14);
  else if (hover)
    fill = mixed(fill, colors.text, 0.06);
  const bool accented = option.palette.color(QPalette::Active, QPalette::Button) == colors.accent;
  const bool focused = option.state & QStyle::State_HasFocus && option.state & QStyle::State_KeyboardFocusChange;
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setBrush(enabled ? fill : QColor(option.palette.color(QPalette::Window)));
  painter.setPen(QPen(focused && !accented ? colors.accent : accented && enabled ? fill : colors.line, focused ? 1.5 : 1.0));
  painter.drawRoundedRect(QRectF(option.rect).adjusted(0.75, 0.75, -0.75, -0.75), 4, 4);
  painter.restore();
}

}  // namespace

CalmStyle::CalmStyle() : QProxyStyle(QStyleFactory::create("Fusion")) {}

int CalmStyle::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const {
  const int value = QProxyStyle::pixelMetric(metric, option, widget);
  switch (metric) {
    case PM_LayoutLeftMargin:
    case PM_LayoutTopMargin:
    case PM_LayoutRightMargin:
    case PM_LayoutBottomMargin:
    case PM_LayoutHorizontalSpacing:
    case PM_LayoutVerticalSpacing:
    case PM_SmallIconSize:
    case PM_ButtonIconSize:
    case PM_ToolBarIconSize:
    case PM_TabBarIconSize:
    case PM_ListViewIconSize:
    case PM_MessageBoxIconSize:
    case PM_ScrollBarExtent:
    case PM_ScrollBarSliderMin:
    case PM_IndicatorWidth:
    case PM_IndicatorHeight:
    case PM_ExclusiveIndicatorWidth:
    case PM_ExclusiveIndicatorHeight:
    case PM_ButtonMargin:
    case PM_TabBarTabHSpace:
    case PM_TabBarTabVSpace:
      return qMax(1, qRound(value * fontScale()));
    case PM_SplitterWidth:
      return qMax(3, qRound(4 * fontScale()));
    case PM_DockWidgetSeparatorExtent:
      return qMax(3, qRound(4 * fontScale()));
    default:
      return value;
  }
}

int CalmStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* data) const {
  switch (hint) {
    case SH_EtchDisabledText:
      return 0;
    case SH_DitherDisabledText:
      return 0;
    default:
      return QProxyStyle::styleHint(hint, option, widget, data);
  }
}

void CalmStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                              const QWidget* widget) const {
  switch (element) {
    case PE_PanelButtonCommand:
      drawButtonPanel(*option, *painter);
      return;
    case PE_PanelButtonTool:
      if (option->state & (State_Raised | State_Sunken | State_On | State_MouseOver) || !(option->state & State_AutoRaise))
        drawButtonPanel(*option, *painter);
      return;
    case PE_FrameStatusBarItem:
      return;
    case PE_FrameFocusRect: {
      painter->save();
      painter->setRenderHint(QPainter::Antialiasing);
      painter->setBrush(Qt::NoBrush);
      painter->setPen(QPen(colorsOf(option->palette).accent, 1));
      painter->drawRoundedRect(QRectF(option->rect).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2);
      painter->restore();
      return;
    }
    default:
      QProxyStyle::drawPrimitive(element, option, painter, widget);
  }
}

void CalmStyle::drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                            const QWidget* widget) const {
  if (element == CE_PushButton && widget && widget->property("primary").toBool() && option->state & State_Enabled) {
    if (const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option)) {
      QStyleOptionButton accented(*button);
      const ThemeColors& colors = colorsOf(option->palette);
      accented.palette.setColor(QPalette::Button, colors.accent);
      accented.palette.setColor(QPalette::ButtonText, colors.onAccent);
      QProxyStyle::drawControl(element, &accented, painter, widget);
      return;
    }
  }
  if (element == CE_HeaderSection) {
    const ThemeColors& colors = colorsOf(option->palette);
    painter->fillRect(option->rect, colors.window);
    painter->setPen(QPen(colors.line, 1));
    painter->drawLine(option->rect.bottomLeft(), option->rect.bottomRight());
    return;
  }
  if (element == CE_ProgressBarGroove || element == CE_ProgressBarContents) {
    const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option);
    if (bar && (element == CE_ProgressBarGroove || bar->maximum > bar->minimum)) {
      const ThemeColors& colors = colorsOf(option->palette);
      QRectF rect = QRectF(bar->rect);
      painter->save();
      painter->setRenderHint(QPainter::Antialiasing);
      painter->setPen(Qt::NoPen);
      painter->setBrush(element == CE_ProgressBarGroove ? mixed(colors.window, colors.line, 0.8) : colors.accent);
      if (element == CE_ProgressBarContents)
        rect.setWidth(rect.width() * (bar->progress - bar->minimum) / double(bar->maximum - bar->minimum));
      const double radius = qMin(rect.height() / 2, 3.0);
      if (rect.width() >= 1) painter->drawRoundedRect(rect, radius, radius);
      painter->restore();
      return;
    }
  }
  QProxyStyle::drawControl(element, option, painter, widget);
}

}  // namespace deltascope::ui
