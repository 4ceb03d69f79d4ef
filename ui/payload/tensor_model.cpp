// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_model.h"

#include <algorithm>
#include <set>

namespace deltascope::ui {
namespace {

// Internal ids: a branch, a tensor of the flat list, or else 2 + the branch a tensor is in.
constexpr quintptr kBranch = 0, kFlat = 1, kFirstGroup = 2;

int alignmentOf(Column column) {
  return static_cast<int>((isNumber(column) || column == Column::Shape ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
}

}  // namespace

TensorModel::TensorModel(QObject* parent) : QAbstractItemModel(parent) {}

void TensorModel::setTensors(std::vector<TensorStats> tensors, bool checkpoint) {
  beginResetModel();
  m_tensors = std::move(tensors);
  m_checkpoint = checkpoint;
  m_units = unitsFor(m_tensors);
  m_groups = groupByLayer(m_tensors);
  m_verdicts.assign(m_tensors.size(), {});
  m_places.assign(m_tensors.size(), {});
  m_names.clear();
  m_search.clear();
  m_byName.clear();
  m_mostBits = m_mostRatio = 0;
  for (std::size_t g = 0; g < m_groups.size(); ++g)
    for (std::size_t row = 0; row < m_groups[g].tensors.size(); ++row)
      m_places[static_cast<std::size_t>(m_groups[g].tensors[row])] = {static_cast<int>(g), static_cast<int>(row)};
  for (std::size_t i = 0; i < m_tensors.size(); ++i) {
    const TensorStats& t = m_tensors[i];
    m_byName.emplace(t.name, static_cast<int>(i));
    m_names.push_back(shortName(t.name));
    QString text = m_groups[static_cast<std::size_t>(m_places[i].group)].label;
    for (int column = 0; column < kColumnCount; ++column)
      if (!m_checkpoint || appliesToCheckpoint(static_cast<Column>(column)))
        text += u'\n' + cellText(t, static_cast<Column>(column), m_units);
    m_search.push_back(text.toCaseFolded());
    m_mostBits = std::max(m_mostBits, t.bitsPerWeight());
    m_mostRatio = std::max(m_mostRatio, t.ratio());
  }
  endResetModel();
}

void TensorModel::setGrouped(bool grouped) {
  if (grouped == m_grouped) return;
  beginResetModel();
  m_grouped = grouped;
  endResetModel();
}

QModelIndex TensorModel::indexOf(int tensor, Column column) const {
  if (tensor < 0 || tensor >= static_cast<int>(m_tensors.size())) return {};
  const int c = static_cast<int>(column);
  if (!m_grouped) return createIndex(tensor, c, kFlat);
  const Place& place = m_places[static_cast<std::size_t>(tensor)];
  return createIndex(place.row, c, kFirstGroup + static_cast<quintptr>(place.group));
}

int TensorModel::tensorAt(const QModelIndex& index) const {
  if (!index.isValid() || index.internalId() == kBranch) return -1;
  if (index.internalId() == kFlat) return index.row();
  return m_groups[index.internalId() - kFirstGroup].tensors[static_cast<std::size_t>(index.row())];
}

int TensorModel::tensorNamed(const QString& name) const {
  const auto found = m_byName.find(name.toStdString());
  return found == m_byName.end() ? -1 : found->second;
}

std::vector<int> TensorModel::tensorsUnder(const QModelIndex& index) const {
  if (!index.isValid()) return {};
  if (index.internalId() == kBranch) return m_groups[static_cast<std::size_t>(index.row())].tensors;
  return {tensorAt(index)};
}

QModelIndex TensorModel::index(int row, int column, const QModelIndex& parent) const {
  if (row < 0 || column < 0 || column >= kColumnCount || row >= rowCount(parent)) return {};
  if (!m_grouped) return createIndex(row, column, kFlat);
  if (!parent.isValid()) return createIndex(row, column, kBranch);
  return createIndex(row, column, kFirstGroup + static_cast<quintptr>(parent.row()));
}

QModelIndex TensorModel::parent(const QModelIndex& child) const {
  if (!child.isValid() || child.internalId() < kFirstGroup) return {};
  return createIndex(static_cast<int>(child.internalId() - kFirstGroup), 0, kBranch);
}

int TensorModel::rowCount(const QModelIndex& parent) const {
  if (!parent.isValid()) return static_cast<int>(m_grouped ? m_groups.size() : m_tensors.size());
  if (parent.internalId() != kBranch || parent.column() != 0) return 0;
  return static_cast<int>(m_groups[static_cast<std::size_t>(parent.row())].tensors.size());
}

int TensorModel::columnCount(const QModelIndex&) const { return kColumnCount; }

QVariant TensorModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumnCount) return {};
  const auto column = static_cast<Column>(section);
  switch (role) {
    case Qt::DisplayRole:
      return headerText(column, m_units, m_checkpoint);
    case Qt::ToolTipRole:
      return headerToolTip(column, m_checkpoint);
    case Qt::TextAlignmentRole:
      return alignmentOf(column);
    default:
      return {};
  }
}

QVariant TensorModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const auto column = static_cast<Column>(index.column());
  if (role == Qt::TextAlignmentRole) return alignmentOf(column);
  if (index.internalId() == kBranch) return groupData(m_groups[static_cast<std::size_t>(index.row())], column, role);
  return tensorData(tensorAt(index), column, role);
}

QVariant TensorModel::barOf(const TensorStats& t, Column column) const {
  const auto share = [](double value, double most) {
    return most > 0 ? QVariant(std::clamp(value / most, 0.0, 1.0)) : QVariant();
  };
  switch (column) {
    case Column::Sparsity:
      return share(t.sparsity(), 1);
    case Column::BitsPerWeight:
      return share(t.bitsPerWeight(), m_mostBits);
    case Column::Ratio:
      return share(t.ratio(), m_mostRatio);
    default:
      return {};
  }
}

QVariant TensorModel::tensorData(int tensor, Column column, int role) const {
  const auto i = static_cast<std::size_t>(tensor);
  const TensorStats& t = m_tensors[i];
  const TensorVerdict& v = m_verdicts[i];
  switch (role) {
    case Qt::DisplayRole:
      if (column == Column::Verdict) return verdictCell(v);
      if (column == Column::Name && m_grouped) return m_names[i];
      return cellText(t, column, m_units);
    case Qt::ToolTipRole:
      return column == Column::Verdict ? verdictToolTip(v) : exactText(t, column);
    case kSortRole:
      // The name's natural order is the tensors' own.
      if (column == Column::Name) return tensor;
      if (column == Column::Verdict) return static_cast<int>(v.state);
      if (isNumber(column) || column == Column::Shape) return sortNumber(t, column);
      return cellText(t, column, m_units);
    case kBarRole:
      return barOf(t, column);
    case kTensorRole:
      return tensor;
    case kVerdictRole:
      return static_cast<int>(v.state);
    default:
      return {};
  }
}

QVariant TensorModel::groupData(const TensorGroup& group, Column column, int role) const {
  const auto state = [](const VerdictCounts& n) {
    return n.different            ? VerdictState::Different
           : n.verifying          ? VerdictState::Verifying
           : n.exact == n.tensors ? VerdictState::Exact
                                  : VerdictState::NotVerified;
  };
  switch (role) {
    case Qt::DisplayRole:
      switch (column) {
        case Column::Name:
          return group.label;
        case Column::Shape:
          return group.tensors.size() == 1 ? QStringLiteral("1 tensor")
                                           : QStringLiteral("%1 tensors").arg(group.tensors.size());
        case Column::Dtype:
          return group.dtypes;
        case Column::Codec:
          return group.codecs;
        case Column::Verdict: {
          const VerdictCounts n = countsOf(group.tensors);
          const QString done = QStringLiteral("%1 of %2");
          switch (state(n)) {
            case VerdictState::Different:
              return QStringLiteral("✕ ") + done.arg(n.different).arg(n.tensors);
            case VerdictState::Verifying:
              return QStringLiteral("⟳ ") + done.arg(n.exact).arg(n.tensors);
            case VerdictState::Exact:
              return QStringLiteral("✓ ") + done.arg(n.exact).arg(n.tensors);
            default:
              return n.exact ? QStringLiteral("– ") + done.arg(n.exact).arg(n.tensors) : QStringLiteral("– not verified");
          }
        }
        default:
          return cellText(group.sum, column, m_units);
      }
    case Qt::ToolTipRole:
      switch (column) {
        case Column::Name:
          return QStringLiteral("%1: %2 tensors").arg(group.label).arg(group.tensors.size());
        case Column::Codec:
          return group.codecCounts;
        case Column::Verdict: {
          const VerdictCounts n = countsOf(group.tensors);
          return QStringLiteral("%1 of %2 tensors bit-exact, %3 not").arg(n.exact).arg(n.tensors).arg(n.different);
        }
        case Column::Shape:
        case Column::Dtype:
          return {};
        default:
          return exactText(group.sum, column);
      }
    case kSortRole:
      // Branches keep the order of the forward pass by name.
      if (column == Column::Name) return static_cast<int>(&group - m_groups.data());
      if (column == Column::Verdict) return static_cast<int>(state(countsOf(group.tensors)));
      if (column == Column::Dtype) return group.dtypes;
      if (column == Column::Codec) return group.codecs;
      return sortNumber(group.sum, column);
    case kBarRole:
      return barOf(group.sum, column);
    case kTensorRole:
      return -1;
    case kVerdictRole:
      return static_cast<int>(state(countsOf(group.tensors)));
    default:
      return {};
  }
}

}  // namespace deltascope::ui
