// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_delegate.h"

#include <QApplication>
#include <QPainter>

#include "ui/frame/theme.h"
#include "ui/history/run_list_model.h"

namespace deltascope::ui {
namespace {

QColor colorOf(RunTone tone, const QPalette& palette) {
  const ThemeColors& colors = colorsOf(palette);
  switch (tone) {
    case RunTone::Plain:
      return palette.color(QPalette::Text);
    case RunTone::Muted:
      return colors.muted;
    case RunTone::Good:
      return colors.good;
    case RunTone::Warn:
      return colors.warn;
    case RunTone::Bad:
      return colors.bad;
  }
  return {};
}

RunTone toneAt(const QModelIndex& index, int role) { return static_cast<RunTone>(index.data(role).toInt()); }

}  // namespace

void RunDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  option->palette.setColor(QPalette::Text, colorOf(toneAt(index, RunListModel::ToneRole), option->palette));
  if (static_cast<RunColumn>(index.column()) == RunColumn::Name && index.data(RunListModel::IsBaselineRole).toBool())
    option->font.setWeight(QFont::DemiBold);
}

void RunDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const {
  const QVariant difference = index.data(RunListModel::DifferenceRole);
  if (!difference.isValid()) return QStyledItemDelegate::paint(painter, given, index);
  QStyleOptionViewItem option(given);
  initStyleOption(&option, index);
  option.text.clear();
  const QStyle* style = option.widget ? option.widget->style() : QApplication::style();
  style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);

  const bool selected = option.state.testFlag(QStyle::State_Selected);
  const QFontMetrics metrics(option.font);
  const int margin = style->pixelMetric(QStyle::PM_FocusFrameHMargin, &option, option.widget) + 1;
  const int room = metrics.horizontalAdvance(QStringLiteral(" (−8.8 %)"));
  QRect value = option.rect.adjusted(margin, 0, -margin - room, 0), beside = option.rect.adjusted(margin, 0, -margin, 0);
  painter->save();
  painter->setFont(option.font);
  const auto draw = [&](const QRect& where, const QString& text, RunTone tone) {
    painter->setPen(selected ? option.palette.color(QPalette::HighlightedText) : colorOf(tone, given.palette));
    painter->drawText(where, Qt::AlignRight | Qt::AlignVCenter | Qt::TextSingleLine, text);
  };
  draw(value, index.data(RunListModel::ValueRole).toString(), toneAt(index, RunListModel::ToneRole));
  draw(beside, difference.toString(), toneAt(index, RunListModel::DifferenceToneRole));
  painter->restore();
}

}  // namespace deltascope::ui
