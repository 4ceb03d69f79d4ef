// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_list_model.h"

#include <algorithm>
#include <cmath>

namespace deltascope::ui {

RunListModel::RunListModel(QObject* parent) : QAbstractTableModel(parent) {}

int RunListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_entries.size());
}

int RunListModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kRunColumnCount; }

QVariant RunListModel::figureData(const RunEntry& entry, RunColumn column, int role) const {
  const QString value = runCellText(entry, column, m_unit);
  if (role == ValueRole) return value;
  if (role == SortRole) return figureOf(entry, column);
  const RunEntry* from = baselineEntry();
  const auto difference =
      from && from != &entry ? differenceOf(entry, *from, column, m_threshold) : std::optional<FigureDifference>();
  const QString brackets = difference ? u'(' + differenceText(*difference) + u')' : QString();
  switch (role) {
    case Qt::DisplayRole:
      return difference ? value + u' ' + brackets : value;
    case Qt::ToolTipRole:
      return runToolTip(entry, column) +
             (difference ? u'\n' + differenceToolTip(entry, *from, column, *difference) : QString());
    case DifferenceRole:
      return from ? QVariant(brackets) : QVariant();
    case DifferenceToneRole:
      return static_cast<int>(difference ? difference->tone : RunTone::Muted);
    default:
      return {};
  }
}

QVariant RunListModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const RunEntry& entry = entryAt(index.row());
  const auto column = static_cast<RunColumn>(index.column());
  const bool isBaseline = index.row() == m_baselineRow;
  switch (role) {
    case FileRole:
      return entry.file;
    case IsBaselineRole:
      return isBaseline;
    case ToneRole:
      if (column == RunColumn::Baseline) return static_cast<int>(isBaseline ? RunTone::Plain : RunTone::Muted);
      return static_cast<int>(runTone(entry, column));
    case Qt::TextAlignmentRole:
      if (column == RunColumn::Baseline) return QVariant(Qt::AlignCenter);
      return isFigure(column) ? QVariant(Qt::AlignRight | Qt::AlignVCenter) : QVariant(Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::AccessibleTextRole: {
      const QString what = column == RunColumn::Baseline ? QStringLiteral("Baseline") : runHeaderText(column, m_unit);
      const QString text = column == RunColumn::Baseline ? QString(isBaseline ? "yes" : "no")
                           : isFigure(column)            ? figureData(entry, column, Qt::ToolTipRole).toString()
                                                         : runCellText(entry, column, m_unit);
      return QString(what + QStringLiteral(": ") + text);
    }
    default:
      break;
  }
  if (isFigure(column)) return figureData(entry, column, role);
  if (column == RunColumn::Baseline) {
    if (role == Qt::DisplayRole) return entry.readable() ? QStringLiteral("★☆").mid(isBaseline ? 0 : 1, 1) : QString();
    if (role == Qt::ToolTipRole) return isBaseline ? tr("The baseline; click to unpin") : runHeaderToolTip(column);
    if (role == SortRole) return isBaseline ? 1 : 0;
    return {};
  }
  const RunEntry* from = baselineEntry();
  const bool tells = role == Qt::DisplayRole || role == Qt::ToolTipRole;
  const QStringList apart = tells && from && from != &entry ? apartIn(entry, *from, column) : QStringList();
  switch (role) {
    case Qt::DisplayRole:
      return (apart.isEmpty() ? QString() : QStringLiteral("≠ ")) + runCellText(entry, column, m_unit);
    case Qt::EditRole:
      return column == RunColumn::Name ? entry.name : (column == RunColumn::Notes ? entry.notes : QVariant());
    case SortRole:
      return column == RunColumn::Time ? entry.created : runCellText(entry, column, m_unit).toCaseFolded();
    case Qt::ToolTipRole:
      return apart.isEmpty()
                 ? runToolTip(entry, column)
                 : runToolTip(entry, column) + tr("\nnot the baseline's ") + apart.join(tr("\nnot the baseline's "));
    default:
      return {};
  }
}

QVariant RunListModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kRunColumnCount) return {};
  const auto column = static_cast<RunColumn>(section);
  if (role == Qt::DisplayRole) return runHeaderText(column, m_unit);
  if (role == Qt::ToolTipRole) return runHeaderToolTip(column);
  if (role == Qt::AccessibleTextRole && column == RunColumn::Baseline) return QStringLiteral("Baseline");
  if (role == Qt::TextAlignmentRole)
    return QVariant((column == RunColumn::Baseline ? Qt::AlignHCenter : (isFigure(column) ? Qt::AlignRight : Qt::AlignLeft)) |
                    Qt::AlignVCenter);
  return {};
}

Qt::ItemFlags RunListModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) return Qt::NoItemFlags;
  Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemNeverHasChildren;
  const auto column = static_cast<RunColumn>(index.column());
  if ((column == RunColumn::Name || column == RunColumn::Notes) && entryAt(index.row()).readable()) flags |= Qt::ItemIsEditable;
  return flags;
}

bool RunListModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !flags(index).testFlag(Qt::ItemIsEditable)) return false;
  const RunEntry& entry = entryAt(index.row());
  const QString file = entry.file, text = value.toString().trimmed();
  if (static_cast<RunColumn>(index.column()) == RunColumn::Name) {
    if (text != entry.name) emit renameRequested(file, text);
  } else if (text != entry.notes) {
    emit notesRequested(file, text);
  }
  return false;
}

void RunListModel::setEntries(std::vector<RunEntry> entries) {
  beginResetModel();
  m_entries = std::move(entries);
  updateDerived();
  m_texts.clear();
  m_texts.reserve(m_entries.size());
  for (const RunEntry& entry : m_entries) m_texts.push_back(searchTextOf(entry));
  endResetModel();
}

void RunListModel::put(const RunEntry& entry) {
  int row = rowOf(entry.file);
  if (row < 0) {
    row = 0;
    beginInsertRows({}, 0, 0);
    m_entries.insert(m_entries.begin(), entry);
    m_texts.insert(m_texts.begin(), searchTextOf(entry));
    updateDerived();
    endInsertRows();
  } else {
    m_entries[static_cast<std::size_t>(row)] = entry;
    m_texts[static_cast<std::size_t>(row)] = searchTextOf(entry);
    updateDerived();
    emit dataChanged(index(row, 0), index(row, kRunColumnCount - 1));
  }
  refreshFigures();
}

void RunListModel::remove(const QStringList& files) {
  for (const QString& file : files) {
    const int row = rowOf(file);
    if (row < 0) continue;
    beginRemoveRows({}, row, row);
    m_entries.erase(m_entries.begin() + row);
    m_texts.erase(m_texts.begin() + row);
    updateDerived();
    endRemoveRows();
  }
  refreshFigures();
}

int RunListModel::rowOf(const QString& file) const {
  const auto found = std::ranges::find(m_entries, file, &RunEntry::file);
  return found == m_entries.end() ? -1 : static_cast<int>(found - m_entries.begin());
}

void RunListModel::setBaseline(const QString& file) {
  if (file == m_baseline) return;
  m_baseline = file;
  updateDerived();
  if (!m_entries.empty()) emit dataChanged(index(0, 0), index(rowCount() - 1, kRunColumnCount - 1));
}

QString RunListModel::baseline() const { return m_baselineRow < 0 ? QString() : m_baseline; }

const RunEntry* RunListModel::baselineEntry() const {
  return m_baselineRow < 0 ? nullptr : &m_entries[static_cast<std::size_t>(m_baselineRow)];
}

void RunListModel::setThreshold(double share) {
  m_threshold = share;
  refreshFigures();
}

/// What follows from all entries together.
void RunListModel::updateDerived() {
  m_baselineRow = m_baseline.isEmpty() ? -1 : rowOf(m_baseline);
  if (m_baselineRow >= 0 && !entryAt(m_baselineRow).readable()) m_baselineRow = -1;
  m_unit = unitFor(m_entries);
}

void RunListModel::refreshFigures() {
  const int first = static_cast<int>(RunColumn::Model), last = static_cast<int>(RunColumn::Peak);
  emit headerDataChanged(Qt::Horizontal, first, last);
  if (!m_entries.empty()) emit dataChanged(index(0, first), index(rowCount() - 1, last));
}

QString RunListModel::searchTextOf(const RunEntry& entry) const {
  QStringList cells;
  for (int i = 0; i < kRunColumnCount; ++i) cells << runCellText(entry, static_cast<RunColumn>(i), m_unit);
  cells << entry.file << entry.problem;
  return cells.join(u'\n').toCaseFolded();
}

}  // namespace deltascope::ui
