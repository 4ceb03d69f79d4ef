// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/start/recent_list.h"

#include <QEvent>
#include <QFileInfo>
#include <QKeyEvent>

#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/recents.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr int kPathRole = Qt::UserRole;
constexpr int kExistsRole = Qt::UserRole + 1;

}  // namespace

RecentList::RecentList(QWidget* parent) : QListWidget(parent) {
  setObjectName("recentList");
  setAccessibleName("Recent models");
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setTextElideMode(Qt::ElideMiddle);
  connect(this, &QListWidget::itemActivated, this, [this](const QListWidgetItem* item) {
    if (item->data(kExistsRole).toBool()) emit openRequested(item->data(kPathRole).toString());
  });
}

void RecentList::setPaths(const QStringList& paths) {
  m_paths = paths;
  fill();
}

void RecentList::fill() {
  const int row = currentRow();
  clear();
  const ThemeColors& colors = colorsOf(palette());
  for (const QString& path : m_paths) {
    const bool exists = QFileInfo::exists(path);
    const QString name = exists ? modelName(path) : modelName(path) + "  (missing)";
    auto* item = new QListWidgetItem(name + "\n" + shortPath(path), this);
    const QString icon = QFileInfo(path).isDir() || !exists ? "folder" : "file";
    item->setIcon(tintedIcon(icon, exists ? colors.muted : colors.faint, colors.onAccent));
    item->setSizeHint(QSize(0, 2 * fontMetrics().height() + steps(*this, 3)));
    item->setData(kPathRole, path);
    item->setData(kExistsRole, exists);
    item->setData(Qt::AccessibleTextRole, name + ", " + path);
    item->setToolTip(exists ? path : path + " is not there any more");
    if (!exists) item->setForeground(colors.faint);
  }
  setCurrentRow(qBound(0, row, count() - 1));
}

QString RecentList::currentPath() const { return currentItem() ? currentItem()->data(kPathRole).toString() : QString(); }

bool RecentList::currentExists() const { return currentItem() && currentItem()->data(kExistsRole).toBool(); }

void RecentList::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Delete && currentItem()) {
    emit removeRequested(currentPath());
    return;
  }
  QListWidget::keyPressEvent(event);
}

void RecentList::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) fill();
  QListWidget::changeEvent(event);
}

}  // namespace deltascope::ui
