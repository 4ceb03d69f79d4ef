// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/pack/estimate_model.h"

#include <algorithm>

#include "core/base/units.h"
#include "core/codec/traits.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

struct Heading {
  const char* text;
  const char* tip;
};
constexpr Heading kHeadings[EstimateModel::ColumnCount] = {
    {"Codec", "How deltas are stored"},
    {"Tensors", "For how many tensors it would be chosen"},
    {"Weights", "Share of all weights in these tensors"},
    {"Bits/weight", "Stored bits a weight of these tensors, from samples"},
    {"Stored", "Bytes of these tensors in the payload, from samples"},
    {"If used", "Bits/weight if it were used for every tensor that it can store"},
};

QString number(double value, int decimals) { return QString::number(value, 'f', decimals); }
QString bytes(std::uint64_t n) { return QString::fromStdString(formatGib(n)); }

}  // namespace

std::vector<EstimateRow> estimateRows(const PackEstimate& estimate) {
  std::vector<EstimateRow> rows(kCodecCount);
  for (std::size_t i = 0; i < kCodecCount; ++i) rows[i].codec = static_cast<CodecId>(i);
  std::vector<double> bits(kCodecCount, 0);
  for (const TensorStats& tensor : estimate.rows) {
    EstimateRow& chosen = rows[static_cast<std::size_t>(tensor.codec)];
    ++chosen.tensors;
    chosen.elements += tensor.elements;
    chosen.storedBytes += tensor.storedBytes;
    for (std::size_t i = 0; i < kCodecCount; ++i) {
      if (tensor.estimate[i] <= 0) continue;
      rows[i].possibleElements += tensor.elements;
      bits[i] += double(tensor.estimate[i]) * double(tensor.elements);
    }
  }
  for (std::size_t i = 0; i < kCodecCount; ++i)
    if (rows[i].possibleElements > 0) rows[i].possibleBits = bits[i] / double(rows[i].possibleElements);
  std::erase_if(rows, [](const EstimateRow& row) { return row.tensors == 0 && row.possibleElements == 0; });
  std::ranges::stable_sort(rows, [](const EstimateRow& a, const EstimateRow& b) { return a.elements > b.elements; });
  return rows;
}

QString estimateSummary(const PackEstimate& estimate, bool withBase) {
  if (estimate.elements == 0 || estimate.finalBytes == 0) return "There are no weights in it.";
  const double weights = double(estimate.elements);
  const double delta = 8.0 * double(estimate.payloadBytes) / weights, base = 8.0 * double(estimate.baseBytes) / weights;
  const std::uint64_t result = estimate.payloadBytes + (withBase ? estimate.baseBytes : 0);
  const double smaller = 100.0 * (1.0 - double(result) / double(estimate.finalBytes));
  const QString change = smaller >= 0 ? QString("%1 % smaller than the final").arg(number(smaller, 1))
                                      : QString("%1 % larger than the final").arg(number(-smaller, 1));
  const QString bits =
      withBase ? QString("base %1 + delta %2 = %3 bits/weight").arg(number(base, 2), number(delta, 2), number(base + delta, 2))
               : QString("delta %1 bits/weight").arg(number(delta, 2));
  return QString("%1 → %2: %3, %4").arg(bytes(estimate.finalBytes), bytes(result), bits, change);
}

void EstimateModel::setEstimate(const PackEstimate& estimate) {
  beginResetModel();
  m_rows = estimateRows(estimate);
  m_elements = 0;
  for (const EstimateRow& row : m_rows) m_elements += row.elements;
  endResetModel();
}

int EstimateModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_rows.size()); }

int EstimateModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant EstimateModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const EstimateRow& row = m_rows[static_cast<std::size_t>(index.row())];
  if (role == Qt::TextAlignmentRole)
    return index.column() == Codec ? QVariant(Qt::AlignLeft | Qt::AlignVCenter) : QVariant(Qt::AlignRight | Qt::AlignVCenter);
  if (role == Qt::ToolTipRole) {
    if (index.column() == Stored) return QString::fromStdString(formatCount(row.storedBytes)) + " bytes";
    return QString::fromUtf8(traitsOf(row.codec).label.data());
  }
  const double share = m_elements ? 100.0 * double(row.elements) / double(m_elements) : 0;
  const auto name = nameOf(row.codec);
  switch (index.column()) {
    case Codec:
      if (role == Qt::DisplayRole || role == kSortRole) return words(name);
      return {};
    case Tensors:
      if (role == Qt::DisplayRole) return QString::fromStdString(formatCount(row.tensors));
      return role == kSortRole ? QVariant::fromValue<qulonglong>(row.tensors) : QVariant();
    case Share:
      if (role == Qt::DisplayRole) return row.tensors ? number(share, 1) + " %" : QString("–");
      return role == kSortRole ? QVariant(share) : QVariant();
    case Bits:
      if (role == Qt::DisplayRole) return row.tensors ? number(row.bitsPerWeight(), 2) : QString("–");
      return role == kSortRole ? QVariant(row.bitsPerWeight()) : QVariant();
    case Stored:
      if (role == Qt::DisplayRole) return row.tensors ? bytes(row.storedBytes) : QString("–");
      return role == kSortRole ? QVariant::fromValue<qulonglong>(row.storedBytes) : QVariant();
    case IfUsed:
      if (role == Qt::DisplayRole) return row.possibleBits > 0 ? number(row.possibleBits, 2) : QString("–");
      return role == kSortRole ? QVariant(row.possibleBits) : QVariant();
    default:
      return {};
  }
}

QVariant EstimateModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
  if (role == Qt::DisplayRole) return QString(kHeadings[section].text);
  if (role == Qt::ToolTipRole) return QString(kHeadings[section].tip);
  if (role == Qt::TextAlignmentRole) return section == Codec ? Qt::AlignLeft : Qt::AlignRight;
  return {};
}

}  // namespace deltascope::ui
