// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/bar_delegate.h"

#include <QApplication>
#include <QPainter>

#include "ui/frame/theme.h"
#include "ui/payload/tensor_model.h"

namespace deltascope::ui {

void BarDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  if (index.data(kTensorRole).toInt() < 0) option->font.setWeight(QFont::DemiBold);
  if (static_cast<Column>(index.column()) != Column::Verdict) return;
  const ThemeColors& colors = colorsOf(option->palette);
  switch (static_cast<VerdictState>(index.data(kVerdictRole).toInt())) {
    case VerdictState::Exact:
      option->palette.setColor(QPalette::Text, colors.good);
      break;
    case VerdictState::Different:
      option->palette.setColor(QPalette::Text, colors.bad);
      break;
    default:
      option->palette.setColor(QPalette::Text, colors.muted);
      break;
  }
}

void BarDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const {
  const QVariant share = index.data(kBarRole);
  if (!share.isValid()) return QStyledItemDelegate::paint(painter, given, index);
  QStyleOptionViewItem option(given);
  initStyleOption(&option, index);
  const QStyle* style = option.widget ? option.widget->style() : QApplication::style();
  const QString text = option.text;
  option.text.clear();
  style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);

  const bool selected = option.state.testFlag(QStyle::State_Selected);
  const ThemeColors& colors = colorsOf(option.palette);
  QColor bar = selected ? colors.onAccent : colors.accent;
  bar.setAlphaF(0.25f);
  const double room = option.rect.height() * 0.12;
  QRectF where = QRectF(option.rect).adjusted(2, room, -2, -room);
  where.setWidth(where.width() * share.toDouble());
  painter->fillRect(where, bar);
  // The style writes the number, so that it stands on the same line as its neighbours; the panel behind it is drawn already.
  option.text = text;
  option.backgroundBrush = Qt::NoBrush;
  option.state &= ~(QStyle::State_Selected | QStyle::State_MouseOver | QStyle::State_HasFocus);
  if (selected) option.palette.setColor(QPalette::Text, option.palette.color(QPalette::HighlightedText));
  style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);
}

QSize BarDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QSize size = QStyledItemDelegate::sizeHint(option, index);
  size.setHeight(std::max(size.height(), option.fontMetrics.height() * 27 / 20));
  return size;
}

}  // namespace deltascope::ui
