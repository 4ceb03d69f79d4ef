// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QListWidget>
#include <QStringList>

namespace deltascope::ui {

/// The recent models: name and path; those that are gone are grey and say so. Enter opens, Delete removes from the list.
class RecentList : public QListWidget {
  Q_OBJECT
 public:
  explicit RecentList(QWidget* parent = nullptr);
  void setPaths(const QStringList& paths);
  [[nodiscard]] QString currentPath() const;
  [[nodiscard]] bool currentExists() const;

 signals:
  void openRequested(const QString& path);
  void removeRequested(const QString& path);

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void fill();
  QStringList m_paths;
};

}  // namespace deltascope::ui
