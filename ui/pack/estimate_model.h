// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What packing would give, by codec.
#include <QAbstractTableModel>
#include <vector>

#include "core/pack/pack.h"

namespace deltascope::ui {

struct EstimateRow {
  CodecId codec = CodecId::Identical;
  std::uint64_t tensors = 0, elements = 0, storedBytes = 0;  ///< of the tensors for which it is chosen
  std::uint64_t possibleElements = 0;                        ///< of the tensors for which it was considered
  double possibleBits = 0;  ///< bits/weight over these, if it were used for all of them; 0: never considered
  [[nodiscard]] double bitsPerWeight() const { return elements ? 8.0 * double(storedBytes) / double(elements) : 0; }
};
/// The codecs chosen or considered, the one that stores most weights first.
[[nodiscard]] std::vector<EstimateRow> estimateRows(const PackEstimate& estimate);
/// "16.00 MiB → 11.12 MiB: base 4.50 + delta 6.62 = 11.12 bits/weight, 30.5 % smaller than the final". `withBase`: the base is
/// written too (quantizing); otherwise the payload alone is compared.
[[nodiscard]] QString estimateSummary(const PackEstimate& estimate, bool withBase);

class EstimateModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Codec, Tensors, Share, Bits, Stored, IfUsed, ColumnCount };
  static constexpr int kSortRole = Qt::UserRole;

  using QAbstractTableModel::QAbstractTableModel;
  void setEstimate(const PackEstimate& estimate);
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

 private:
  std::vector<EstimateRow> m_rows;
  std::uint64_t m_elements = 0;
};

}  // namespace deltascope::ui
