// SPDX-License-Identifier: GPL-3.0-or-later
// The part of TensorModel that fills the verdict column.
#include <numeric>
#include <set>

#include "ui/payload/tensor_model.h"

namespace deltascope::ui {

void TensorModel::startVerify() {
  m_verdicts.assign(m_tensors.size(), {VerdictState::Verifying, {}});
  std::vector<int> all(m_tensors.size());
  std::iota(all.begin(), all.end(), 0);
  verdictsChanged(all);
}

void TensorModel::setVerdicts(const std::vector<Verdict>& verdicts) {
  std::vector<int> changed;
  for (const Verdict& verdict : verdicts) {
    const auto found = m_byName.find(verdict.tensor);
    if (found == m_byName.end()) continue;
    m_verdicts[static_cast<std::size_t>(found->second)] = {verdict.bitExact ? VerdictState::Exact : VerdictState::Different,
                                                           verdict};
    changed.push_back(found->second);
  }
  verdictsChanged(changed);
}

void TensorModel::endVerify() {
  std::vector<int> changed;
  for (std::size_t i = 0; i < m_verdicts.size(); ++i)
    if (m_verdicts[i].state == VerdictState::Verifying) {
      m_verdicts[i] = {};
      changed.push_back(static_cast<int>(i));
    }
  verdictsChanged(changed);
}

VerdictCounts TensorModel::verdictCounts() const {
  std::vector<int> all(m_tensors.size());
  std::iota(all.begin(), all.end(), 0);
  return countsOf(all);
}

VerdictCounts TensorModel::countsOf(const std::vector<int>& tensors) const {
  VerdictCounts counts;
  counts.tensors = static_cast<int>(tensors.size());
  for (const int tensor : tensors) switch (verdict(tensor).state) {
      case VerdictState::Exact:
        ++counts.exact;
        break;
      case VerdictState::Different:
        ++counts.different;
        break;
      case VerdictState::Verifying:
        ++counts.verifying;
        break;
      case VerdictState::NotVerified:
        break;
    }
  return counts;
}

/// One signal for each run of rows: a verdict a signal would keep a large table busy.
void TensorModel::verdictsChanged(const std::vector<int>& tensors) {
  constexpr auto kColumn = Column::Verdict;
  const QList<int> roles{Qt::DisplayRole, Qt::ToolTipRole, kSortRole, kVerdictRole};
  std::set<std::pair<int, int>> rows;  // branch, row
  for (const int tensor : tensors) {
    const QModelIndex at = indexOf(tensor, kColumn);
    rows.emplace(at.parent().isValid() ? at.parent().row() : -1, at.row());
  }
  std::set<int> branches;
  for (auto first = rows.begin(); first != rows.end();) {
    auto last = first, next = std::next(first);
    while (next != rows.end() && next->first == last->first && next->second == last->second + 1) last = next++;
    const QModelIndex parent = first->first < 0 ? QModelIndex() : index(first->first, 0);
    const int column = static_cast<int>(kColumn);
    emit dataChanged(index(first->second, column, parent), index(last->second, column, parent), roles);
    if (first->first >= 0) branches.insert(first->first);
    first = next;
  }
  for (const int branch : branches) {
    const QModelIndex at = index(branch, static_cast<int>(kColumn));
    emit dataChanged(at, at, roles);
  }
}

}  // namespace deltascope::ui
