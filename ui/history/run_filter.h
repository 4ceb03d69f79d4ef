// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QRegularExpression>
#include <QSortFilterProxyModel>

namespace deltascope::ui {

class RunListModel;

/// Runs that match a query, sorted: words (or "phrases in quotes") that must all be found in a run's cells, or one regular
/// expression that matches a cell. Letters' case does not matter. Figures that are missing sort below all others.
class RunFilter : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit RunFilter(RunListModel* model, QObject* parent = nullptr);
  void setQuery(const QString& query, bool regex);
  [[nodiscard]] QString problem() const;  ///< why the expression cannot be used; empty when it can

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
  [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

 private:
  RunListModel* m_model;
  QStringList m_words;
  QRegularExpression m_expression;
  bool m_regex = false;
};

}  // namespace deltascope::ui
