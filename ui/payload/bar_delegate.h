// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Cells with a bar behind their number, and verdicts in their colour.
#include <QStyledItemDelegate>

namespace deltascope::ui {

/// Draws kBarRole as a bar at 25 % of the accent, from the left; kVerdictRole of the verdict column as the text's colour.
class BarDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;
};

}  // namespace deltascope::ui
