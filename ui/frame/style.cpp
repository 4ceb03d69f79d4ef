// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/style.h"

#include <QApplication>
#include <QFontMetricsF>
#include <QPainter>
#include <QStyleFactory>
#include <QStyleOption>
#include <QWidget>

#include "ui/frame/style_paint.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

/// `n` pixels of a 16 px line, for which Fusion's lengths were drawn, at the application's font.
int scaled(double n) { return qRound(n * QFontMetricsF(QApplication::font()).height() / 16.0); }

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
      return qMax(1, scaled(value));
    case PM_SplitterWidth:
    case PM_DockWidgetSeparatorExtent:
      return qMax(3, scaled(4));
    default:
      return value;
  }
}

int CalmStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* data) const {
  if (hint == SH_EtchDisabledText || hint == SH_DitherDisabledText) return 0;
  return QProxyStyle::styleHint(hint, option, widget, data);
}

QSize CalmStyle::sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& contents,
                                  const QWidget* widget) const {
  QSize size = QProxyStyle::sizeFromContents(type, option, contents, widget);
  switch (type) {
    case CT_PushButton:
      return {qMax(size.width(), contents.width() + scaled(24)), qMax(size.height(), contents.height() + scaled(11))};
    case CT_ToolButton:
      return {size.width() + scaled(2), qMax(size.height(), contents.height() + scaled(6))};
    case CT_LineEdit:
    case CT_ComboBox:
    case CT_SpinBox:
      return {size.width(), qMax(size.height(), QFontMetrics(QApplication::font()).height() + scaled(10))};
    default:
      return size;
  }
}

void CalmStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                              const QWidget* widget) const {
  switch (element) {
    case PE_PanelButtonCommand:
      return paintButtonPanel(*option, *painter);
    case PE_PanelButtonTool:
      if (option->state & (State_Raised | State_Sunken | State_On | State_MouseOver | State_HasFocus) ||
          !(option->state & State_AutoRaise))
        paintButtonPanel(*option, *painter);
      return;
    case PE_FrameLineEdit:
      return paintFieldFrame(*option, *painter);
    case PE_IndicatorCheckBox:
      return paintCheckBox(*option, *painter);
    case PE_IndicatorRadioButton:
      return paintRadioButton(*option, *painter);
    case PE_FrameStatusBarItem:
      return;
    case PE_FrameFocusRect:
      return paintFocusFrame(*option, *painter);
    default:
      QProxyStyle::drawPrimitive(element, option, painter, widget);
  }
}

void CalmStyle::drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                            const QWidget* widget) const {
  const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option);
  if (element == CE_PushButton && button && widget && widget->property("primary").toBool() && option->state & State_Enabled) {
    QStyleOptionButton accented(*button);
    const ThemeColors& colors = colorsOf(option->palette);
    accented.palette.setColor(QPalette::Button, colors.accent);
    accented.palette.setColor(QPalette::ButtonText, colors.onAccent);
    QProxyStyle::drawControl(element, &accented, painter, widget);
    return;
  }
  if (element == CE_HeaderSection) return paintHeaderSection(*option, *painter);
  if (element == CE_ProgressBarGroove) return paintProgressGroove(*option, *painter);
  if (const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option);
      element == CE_ProgressBarContents && bar && bar->maximum > bar->minimum)
    return paintProgressContents(*bar, *painter);
  QProxyStyle::drawControl(element, option, painter, widget);
}

void CalmStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option, QPainter* painter,
                                   const QWidget* widget) const {
  QProxyStyle::drawComplexControl(control, option, painter, widget);
  const auto* spin = qstyleoption_cast<const QStyleOptionSpinBox*>(option);
  const auto* combo = qstyleoption_cast<const QStyleOptionComboBox*>(option);
  if ((spin && spin->frame) || (combo && combo->frame)) paintFieldFrame(*option, *painter);
}

}  // namespace deltascope::ui
