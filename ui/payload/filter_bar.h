// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The box that filters the tensor table, with its regular-expression switch, its complaint and "n of N".
#include <QTimer>
#include <QWidget>

class QLabel;
class QLineEdit;
class QToolButton;

namespace deltascope::ui {

class FilterBar : public QWidget {
  Q_OBJECT
 public:
  explicit FilterBar(QWidget* parent = nullptr);

  [[nodiscard]] QString query() const;
  [[nodiscard]] bool isRegex() const;
  void setRegex(bool on);
  void clear();
  void setCount(int shown, int total);
  void setProblem(const QString& problem);  ///< empty: none
  void setNote(const QString& note);        ///< appended to the count
  [[nodiscard]] QLineEdit* edit() const { return m_edit; }

 signals:
  void queryChanged(const QString& query, bool regex);  ///< a moment after typing stops; at once on Enter

 private:
  void refresh();
  void announce();
  QLineEdit* m_edit;
  QToolButton* m_regex;
  QLabel* m_count;
  QTimer m_pause;
  int m_shown = 0, m_total = 0;
  QString m_problem, m_note;
};

}  // namespace deltascope::ui
