// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QStringList>
#include <QWidget>
#include <functional>

class QListWidget;
class QPushButton;

namespace deltascope::ui {

class TextLabel;

/// Adapters in the order in which they are applied: add, remove, move up and down (Alt+Up, Alt+Down on the list).
class AdapterList : public QWidget {
  Q_OBJECT
 public:
  explicit AdapterList(std::function<QString()> choose, QWidget* parent = nullptr);
  [[nodiscard]] QStringList paths() const;
  void setPaths(const QStringList& paths);
  void setProblem(const QString& problem);

 signals:
  void changed();

 private:
  void move(int by);
  void refresh();
  QListWidget* m_list = nullptr;
  QPushButton* m_remove = nullptr;
  QPushButton* m_up = nullptr;
  QPushButton* m_down = nullptr;
  TextLabel* m_problem = nullptr;
};

}  // namespace deltascope::ui
