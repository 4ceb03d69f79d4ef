// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QDialog>
#include <QList>
#include <QString>

class QAction;
class QMenuBar;

namespace deltascope::ui {

struct ShortcutRow {
  QString group, action, keys, tip;
};
/// Every action of the menus with its keys (or its way through the menus, "Alt+F, O"), and the listed ones of other widgets.
[[nodiscard]] QList<ShortcutRow> shortcutRows(const QMenuBar& menus);

/// The sheet of F1, made from the actions themselves.
class ShortcutSheet : public QDialog {
  Q_OBJECT
 public:
  ShortcutSheet(const QList<ShortcutRow>& rows, QWidget* parent);
};

}  // namespace deltascope::ui
