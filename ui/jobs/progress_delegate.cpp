// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/jobs/progress_delegate.h"

#include <QApplication>
#include <QPainter>

#include "ui/frame/icons.h"
#include "ui/frame/theme.h"
#include "ui/jobs/jobs_model.h"

namespace deltascope::ui {

void ProgressDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const {
  QStyleOptionViewItem option(given);
  initStyleOption(&option, index);
  const QWidget* widget = option.widget;
  const QStyle* style = widget ? widget->style() : QApplication::style();

  const QVariant icon = index.data(JobsModel::StateIconRole);
  if (icon.isValid()) {
    option.icon = themedIcon(icon.toString(), option.palette);
    option.features |= QStyleOptionViewItem::HasDecoration;
  }
  const QVariant share = index.data(JobsModel::ShareRole);
  if (!share.isValid()) {
    style->drawControl(QStyle::CE_ItemViewItem, &option, painter, widget);
    return;
  }
  const QString text = option.text;
  option.text.clear();
  style->drawControl(QStyle::CE_ItemViewItem, &option, painter, widget);

  const ThemeColors& colors = colorsOf(option.palette);
  const QRectF track = QRectF(option.rect).adjusted(4, option.rect.height() * 0.2, -4, -option.rect.height() * 0.2);
  QColor bar = colors.accent;
  bar.setAlphaF(option.state & QStyle::State_Selected ? 0.5f : 0.25f);
  painter->save();
  painter->setPen(Qt::NoPen);
  if (share.toDouble() > 0) {
    painter->fillRect(QRectF(track.topLeft(), QSizeF(track.width() * share.toDouble(), track.height())),
                      option.state & QStyle::State_Selected
                          ? QColor(colors.onAccent.red(), colors.onAccent.green(), colors.onAccent.blue(), 70)
                          : bar);
  }
  painter->setPen(option.palette.color(option.state & QStyle::State_Selected ? QPalette::HighlightedText : QPalette::Text));
  painter->drawText(track.adjusted(4, 0, -4, 0), Qt::AlignLeft | Qt::AlignVCenter, text);
  painter->restore();
}

}  // namespace deltascope::ui
