// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>
#include <functional>

class QLineEdit;
class QPushButton;

namespace deltascope::ui {

class TextLabel;

/// A path: typed, dropped or browsed for, with what is wrong about it underneath. Give the edit to a form as the label's buddy.
class PathField : public QWidget {
  Q_OBJECT
 public:
  /// `browse`: asks the user, gets the present text, returns the chosen path or an empty one.
  PathField(const QString& name, const QString& accessibleName, std::function<QString(const QString&)> browse,
            QWidget* parent = nullptr);
  [[nodiscard]] QString text() const;
  void setText(const QString& text);
  void setPlaceholder(const QString& text);
  void setProblem(const QString& problem);  ///< empty: none
  [[nodiscard]] QLineEdit* edit() const { return m_edit; }

 signals:
  void textChanged(const QString& text);
  void textEdited(const QString& text);  ///< by the user: typed, dropped or browsed

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QLineEdit* m_edit = nullptr;
  QPushButton* m_browse = nullptr;
  TextLabel* m_problem = nullptr;
};

}  // namespace deltascope::ui
