// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QStringList>
#include <QWidget>
#include <functional>

class QListWidget;
class QPushButton;

namespace deltascope::ui {

class TextLabel;

/// Paths in the order in which they are applied: add, remove, move up and down (Alt+Up, Alt+Down on the list).
class PathList : public QWidget {
  Q_OBJECT
 public:
  /// A button that adds what `choose` returns, unless that is empty.
  struct Adder {
    QString name, text;
    std::function<QString()> choose;
  };
  /// `prefix`: of the object names ("packAdapter"); `noun`: what the paths are ("adapter").
  PathList(const QString& prefix, const QString& noun, const QList<Adder>& adders, QWidget* parent = nullptr);
  [[nodiscard]] QStringList paths() const;
  void setPaths(const QStringList& paths);
  void setProblem(const QString& problem);

 signals:
  void changed();

 private:
  void add(const QString& path);
  void move(int by);
  void refresh();
  QListWidget* m_list = nullptr;
  QPushButton* m_remove = nullptr;
  QPushButton* m_up = nullptr;
  QPushButton* m_down = nullptr;
  TextLabel* m_problem = nullptr;
};

}  // namespace deltascope::ui
