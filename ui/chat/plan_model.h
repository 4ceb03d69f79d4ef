// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Who sits where, as a table.
#include <QAbstractTableModel>

#include "core/runtime/plan.h"

namespace deltascope::ui {

/// The parts of a plan, a line each: what, bytes, and why it is there.
struct PlanPart {
  QString name;
  std::uint64_t bytes = 0;
  QString tip;
};
[[nodiscard]] QList<PlanPart> partsOf(const MemoryPlan& plan);
/// "expected peak 13.41 MiB of 16.00 MiB; 57 tensors static, 17 jit".
[[nodiscard]] QString planSummary(const MemoryPlan& plan);
/// RFC 4180, a header with units, one line a tensor in the order of a forward pass.
[[nodiscard]] QByteArray planToCsv(const MemoryPlan& plan);

class PlanModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Tensor, Where, Resident, Final, Base, Delta, ColumnCount };
  static constexpr int kSortRole = Qt::UserRole;

  using QAbstractTableModel::QAbstractTableModel;
  void setPlan(const MemoryPlan& plan);
  [[nodiscard]] const MemoryPlan& plan() const { return m_plan; }
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

 private:
  MemoryPlan m_plan;
};

}  // namespace deltascope::ui
