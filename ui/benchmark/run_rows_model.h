// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The rows of one run as a table: what was measured, then the baselines.
#include <QAbstractTableModel>
#include <bitset>
#include <vector>

#include "core/bench/bench.h"

namespace deltascope::ui {

/// Thread: the window's. Qt::DisplayRole has three significant figures, the tooltip the exact value with its spread, kSortRole
/// the number.
class RunRowsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column {
    Tensor,
    Mode,
    Verdict,
    Codec,
    Size,      ///< MiB of the final weight
    Resident,  ///< ms, one use of the resident weight
    Used,      ///< ms, one use in this mode
    Overhead,  ///< ms
    Rebuilt,   ///< GB/s
    CopyShare,
    Peak,   ///< MiB
    Saved,  ///< MiB
    TokensPerSecond,
    FirstToken,  ///< ms
    Norm,
    ColumnCount
  };
  static constexpr int kSortRole = Qt::UserRole + 1;

  struct Row {
    BenchmarkRow row;
    bool baseline = false;
  };

  using QAbstractTableModel::QAbstractTableModel;
  void clear();
  void setRun(const BenchmarkRun& run);
  void add(std::vector<Row> rows);
  [[nodiscard]] const BenchmarkRow& rowAt(int row) const { return m_rows[static_cast<std::size_t>(row)].row; }
  [[nodiscard]] bool isBaseline(int row) const { return m_rows[static_cast<std::size_t>(row)].baseline; }
  /// Whether any row has a figure there: columns without one are better hidden.
  [[nodiscard]] bool hasFigures(Column column) const;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  void noteFigures(const BenchmarkRow& row);
  std::vector<Row> m_rows;
  std::bitset<ColumnCount> m_figures;  ///< columns that have any
};

}  // namespace deltascope::ui
