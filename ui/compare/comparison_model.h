// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A TableComparison as a table of one metric: the baseline's value, and of each other its value with signed differences.
#include <QAbstractTableModel>
#include <QRegularExpression>
#include <QSortFilterProxyModel>

#include "core/base/number.h"
#include "ui/compare/comparison.h"

namespace deltascope::ui {

/// Thread: the window's.
class ComparisonModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Fixed { Tensor, Mode, Baseline, FixedCount };
  static constexpr int Value = 0, Absolute = 1, Relative = 2,
                       OfCount = 3;  ///< columns of each other, from FixedCount; the last column is Remarks
  static constexpr int kSortRole = Qt::UserRole + 1;

  using QAbstractTableModel::QAbstractTableModel;
  void setComparison(TableComparison comparison);
  void setMetric(const QString& metric);
  [[nodiscard]] const TableComparison& comparison() const { return m_comparison; }
  [[nodiscard]] const QString& metric() const { return m_metric; }
  [[nodiscard]] int remarksColumn() const { return FixedCount + OfCount * static_cast<int>(m_comparison.diffs.size()); }
  /// Everything a filter looks at, in small letters.
  [[nodiscard]] QString searchText(int row) const;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  [[nodiscard]] const DiffMetric* metricAt(int row, int other) const;
  [[nodiscard]] std::optional<double> baselineAt(int row) const;
  [[nodiscard]] QString remarksAt(int row) const;
  [[nodiscard]] QString valueText(std::optional<double> value) const;
  TableComparison m_comparison;
  QString m_metric;
  ByteScale m_scale;  ///< of a metric of bytes, for all its cells
};

/// Rows that hold every word of the query and, if asked for, only those that differ.
class ComparisonFilter : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit ComparisonFilter(ComparisonModel* model, QObject* parent = nullptr);
  void setQuery(const QString& query, bool regex);
  void setDifferencesOnly(bool on);
  [[nodiscard]] std::vector<int> shownRows() const;  ///< of the model, in the order on the screen
  [[nodiscard]] QString problem() const;             ///< of a regular expression; an unusable one filters nothing

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  ComparisonModel* m_model;
  QStringList m_words;
  QRegularExpression m_expression;
  bool m_differencesOnly = false;
};

/// "+0.123", "−2.1 % ▼ worse", "+0.1 % – same"; bytes in `scale`; empty without a difference.
[[nodiscard]] QString differenceText(const DiffMetric& metric, bool relative, const ByteScale& scale = {});

}  // namespace deltascope::ui
