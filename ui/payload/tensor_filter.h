// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Rows of a TensorModel that match a query, sorted.
#include <QRegularExpression>
#include <QSortFilterProxyModel>

namespace deltascope::ui {

class TensorModel;

/// Words, and phrases in double quotes, of what was typed into a filter.
[[nodiscard]] QStringList queryWords(const QString& query);

/// A query is words (or "phrases in quotes") that must all be found somewhere in a tensor's cells, or one regular expression
/// that matches a cell
/// ("^q_proj"). Letters' case does not matter. A branch is shown while one of its tensors is.
class TensorFilter : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit TensorFilter(TensorModel* model, QObject* parent = nullptr);

  void setQuery(const QString& query, bool regex);
  [[nodiscard]] QString query() const { return m_query; }
  [[nodiscard]] bool isRegex() const { return m_regex; }
  /// Why the expression cannot be used, with the position; empty when it can. An unusable one filters nothing.
  [[nodiscard]] QString problem() const;
  [[nodiscard]] bool isActive() const { return !m_query.trimmed().isEmpty() && problem().isEmpty(); }

  [[nodiscard]] bool accepts(int tensor) const { return m_accepted[static_cast<std::size_t>(tensor)] != 0; }
  [[nodiscard]] int shownCount() const;
  [[nodiscard]] std::vector<int> shownTensors() const;  ///< in the order on the screen
  [[nodiscard]] QModelIndex indexOf(int tensor) const;  ///< invalid when it is filtered out

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
  [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

 private:
  [[nodiscard]] bool matches(int tensor) const;
  [[nodiscard]] bool found(const QString& text) const;  ///< the expression, in it
  void matchAll();
  void matchAgain(const QModelIndex& first, const QModelIndex& last);

  TensorModel* m_model;
  std::vector<char> m_accepted;  ///< by tensor
  QString m_query;
  bool m_regex = false;
  QStringList m_words;
  QRegularExpression m_expression;
  mutable QString m_lastVerdict;  ///< and whether the expression was found in it
  mutable bool m_lastFound = false;
};

}  // namespace deltascope::ui
