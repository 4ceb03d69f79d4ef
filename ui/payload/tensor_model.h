// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The tensors of a model as a tree (layer → tensors) or a flat list, with their verdicts.
#include <QAbstractItemModel>
#include <unordered_map>

#include "core/inspect/inspect.h"
#include "core/rebuild/verify.h"
#include "ui/payload/tensor_columns.h"
#include "ui/payload/tensor_groups.h"

namespace deltascope::ui {

enum TensorRoleId {
  kSortRole = Qt::UserRole + 1,  ///< a number, or text for columns of words
  kBarRole,                      ///< 0…1, or invalid: no bar in this cell
  kTensorRole,                   ///< index in the model's tensors; −1 for a group
  kVerdictRole,                  ///< VerdictState as int
};

/// Counts of a group or of the whole model.
struct VerdictCounts {
  int exact = 0, different = 0, verifying = 0, tensors = 0;
};

/// Thread: the window's. Verdicts for names that are not in the model are ignored.
class TensorModel : public QAbstractItemModel {
  Q_OBJECT
 public:
  explicit TensorModel(QObject* parent = nullptr);

  void setTensors(std::vector<TensorStats> tensors, bool checkpoint);
  [[nodiscard]] const std::vector<TensorStats>& tensors() const { return m_tensors; }
  [[nodiscard]] bool isCheckpoint() const { return m_checkpoint; }
  [[nodiscard]] const TableUnits& units() const { return m_units; }
  void setGrouped(bool grouped);
  [[nodiscard]] bool isGrouped() const { return m_grouped; }

  void startVerify();  ///< all tensors: verifying
  void setVerdicts(const std::vector<Verdict>& verdicts);
  void endVerify();  ///< what is still verifying goes back to not verified
  [[nodiscard]] const TensorVerdict& verdict(int tensor) const { return m_verdicts[static_cast<std::size_t>(tensor)]; }
  [[nodiscard]] VerdictCounts verdictCounts() const;

  [[nodiscard]] QModelIndex indexOf(int tensor, Column column = Column::Name) const;
  [[nodiscard]] int tensorAt(const QModelIndex& index) const;  ///< −1 for a group
  [[nodiscard]] int tensorNamed(const QString& name) const;    ///< −1 when there is none
  /// The tensors under an index: itself, or those of its group.
  [[nodiscard]] std::vector<int> tensorsUnder(const QModelIndex& index) const;
  [[nodiscard]] const std::vector<int>& tensorsOfBranch(int row) const {
    return m_groups[static_cast<std::size_t>(row)].tensors;
  }
  /// All cells of a tensor but its verdict as one case-folded text, one cell a line, for the filter.
  [[nodiscard]] const QString& searchText(int tensor) const { return m_search[static_cast<std::size_t>(tensor)]; }

  [[nodiscard]] QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  [[nodiscard]] QModelIndex parent(const QModelIndex& child) const override;
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  struct Place {
    int group = 0, row = 0;
  };
  void verdictsChanged(const std::vector<int>& tensors);
  [[nodiscard]] VerdictCounts countsOf(const std::vector<int>& tensors) const;
  [[nodiscard]] QVariant groupData(const TensorGroup& group, Column column, int role) const;
  [[nodiscard]] QVariant tensorData(int tensor, Column column, int role) const;
  [[nodiscard]] QVariant barOf(const TensorStats& tensor, Column column) const;

  std::vector<TensorStats> m_tensors;
  std::vector<TensorVerdict> m_verdicts;
  std::vector<QString> m_names;  ///< as shown under their group
  std::vector<QString> m_search;
  std::vector<TensorGroup> m_groups;
  std::vector<Place> m_places;  ///< of each tensor in the tree
  std::unordered_map<std::string, int> m_byName;
  TableUnits m_units;
  double m_mostBits = 0, m_mostRatio = 0;
  bool m_checkpoint = false, m_grouped = true;
};

}  // namespace deltascope::ui
