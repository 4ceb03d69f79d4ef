// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The tensor table on the screen: columns to choose, rows to copy, branches that stay as they were left.
#include <QList>
#include <QSet>
#include <QTreeView>

#include "ui/payload/tensor_columns.h"

class QAction;

namespace deltascope::ui {

class TensorFilter;
class TensorModel;

/// Thread: the window's.
class TensorView : public QTreeView {
  Q_OBJECT
 public:
  TensorView(TensorModel* model, TensorFilter* filter, QWidget* parent = nullptr);

  /// One checkable action a column but the name; those that do not apply to a checkpoint are hidden while one is open.
  [[nodiscard]] const QList<QAction*>& columnActions() const { return m_columnActions; }
  [[nodiscard]] QAction* copyAction() const { return m_copy; }
  [[nodiscard]] bool isColumnShown(Column column) const { return !isColumnHidden(static_cast<int>(column)); }
  void setColumnWanted(Column column, bool wanted);
  void resetColumns();
  [[nodiscard]] QByteArray saveColumns() const;  ///< widths, order, sorting, choice
  void restoreColumns(const QByteArray& state);

  /// After the model, its grouping or the filter changed: columns, branches.
  void modelChanged();
  void filterChanged();

  [[nodiscard]] QList<int> selectedTensors() const;  ///< ascending; all of a selected branch
  void selectTensors(const QList<int>& tensors);     ///< those not filtered out; the first comes into view
  /// Selected rows as tab-separated text of the visible columns: exact numbers, units in the header.
  [[nodiscard]] QString selectionText() const;

 signals:
  void tensorSelectionChanged();

 protected:
  void selectionChanged(const QItemSelection& selected, const QItemSelection& deselected) override;
  void changeEvent(QEvent* event) override;

 private:
  void showWantedColumns();
  void openBranches();
  TensorModel* m_model;
  TensorFilter* m_filter;
  QList<QAction*> m_columnActions;
  QAction* m_copy;
  QSet<Column> m_unwanted;
  QSet<QString> m_closed;  ///< labels of branches the user closed
  bool m_quiet = false;
};

}  // namespace deltascope::ui
