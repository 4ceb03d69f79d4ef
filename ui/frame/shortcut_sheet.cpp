// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/shortcut_sheet.h"

#include <QAction>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QPushButton>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"

namespace deltascope::ui {
namespace {

QString mnemonicOf(const QString& text) {
  const auto at = text.indexOf('&');
  return at >= 0 && at + 1 < text.size() ? text.mid(at + 1, 1).toUpper() : QString();
}

QString plain(QString text) { return text.remove('&').remove("…"); }

void collect(const QMenu& menu, const QString& group, const QString& way, QList<ShortcutRow>& rows) {
  for (const QAction* action : menu.actions()) {
    if (action->isSeparator()) continue;
    const QString step = mnemonicOf(action->text());
    const QString path = step.isEmpty() ? QString() : way + ", " + step;
    if (const QMenu* inner = action->menu()) {
      if (inner->objectName() != "menuRecent") collect(*inner, group, path, rows);
      continue;
    }
    const QString keys = action->shortcut().isEmpty() ? path : action->shortcut().toString(QKeySequence::NativeText);
    rows.append({group, plain(action->text()), keys, action->statusTip()});
  }
}

}  // namespace

QList<ShortcutRow> shortcutRows(const QMenuBar& menus) {
  QList<ShortcutRow> rows;
  for (const QAction* top : menus.actions())
    if (const QMenu* menu = top->menu()) collect(*menu, plain(top->text()), "Alt+" + mnemonicOf(top->text()), rows);
  const QString everywhere = "Moving about";
  rows.append({everywhere, "Next or previous control", "Tab, Shift+Tab", "The focused control has an outline"});
  rows.append({everywhere, "Between pages, in the navigation bar", "Up, Down", "Space opens the focused one"});
  rows.append({everywhere, "Chat: send, begin a new line", "Enter, Shift+Enter", "In the field for messages"});
  rows.append({everywhere, "Chat: rename, delete a conversation", "F2, Delete", "In the list of conversations"});
  rows.append({everywhere, "Message bar: Details, Copy, Dismiss", "Alt+E, Alt+Y, Alt+S", "While a message is shown"});
  return rows;
}

ShortcutSheet::ShortcutSheet(const QList<ShortcutRow>& rows, QWidget* parent) : QDialog(parent) {
  setObjectName("shortcutSheet");
  setWindowTitle("Keyboard shortcuts");
  auto* filter = new QLineEdit;
  filter->setObjectName("shortcutFilter");
  filter->setAccessibleName("Filter the actions");
  filter->setPlaceholderText("Filter the actions");
  filter->setClearButtonEnabled(true);
  auto* tree = new QTreeWidget;
  tree->setObjectName("shortcutTree");
  tree->setAccessibleName("Actions and their keys");
  tree->setHeaderLabels({"Action", "Keys", "What it does"});
  tree->setRootIsDecorated(false);
  tree->setUniformRowHeights(true);
  tree->setFrameShape(QFrame::NoFrame);
  QTreeWidgetItem* group = nullptr;
  for (const auto& row : rows) {
    if (!group || group->text(0) != row.group) {
      group = new QTreeWidgetItem(tree, {row.group});
      QFont bold = font();
      bold.setBold(true);
      group->setFont(0, bold);
      group->setFirstColumnSpanned(true);
      group->setFlags(Qt::ItemIsEnabled);
    }
    new QTreeWidgetItem(group, {row.action, row.keys, row.tip});
  }
  tree->expandAll();
  tree->resizeColumnToContents(0);
  tree->resizeColumnToContents(1);
  connect(filter, &QLineEdit::textChanged, tree, [tree](const QString& text) {
    for (int i = 0; i < tree->topLevelItemCount(); ++i) {
      QTreeWidgetItem* head = tree->topLevelItem(i);
      bool any = false;
      for (int j = 0; j < head->childCount(); ++j) {
        QTreeWidgetItem* item = head->child(j);
        const bool match =
            item->text(0).contains(text, Qt::CaseInsensitive) || item->text(1).contains(text, Qt::CaseInsensitive);
        item->setHidden(!match);
        any |= match;
      }
      head->setHidden(!any);
    }
  });
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(filter);
  layout->addWidget(tree, 1);
  layout->addWidget(buttons);
  resize(characters(*this, 140), steps(*this, 130));
}

}  // namespace deltascope::ui
