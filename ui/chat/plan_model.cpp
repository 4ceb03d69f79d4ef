// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/plan_model.h"

#include <QStringList>
#include <algorithm>

#include "core/base/units.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

struct Heading {
  const char* text;
  const char* tip;
};
constexpr Heading kHeadings[PlanModel::ColumnCount] = {
    {"Tensor", "In the order of a forward pass"},
    {"Where",
     "static: reconstructed once, resident. jit: base and delta resident, reconstructed for each use. stream: the "
     "delta is fetched for each use"},
    {"Resident", "Bytes held while the model is loaded"},
    {"Final", "Bytes of the reconstructed weight"},
    {"Base", "Bytes of the base's weight"},
    {"Delta", "Bytes of the delta"},
};

QString bytes(std::uint64_t n) { return QString::fromStdString(formatGib(n)); }

constexpr Placement kPlacements[] = {Placement::Static, Placement::Jit, Placement::Stream};

QString wordOf(Placement placement) {
  const auto name = nameOf(placement);
  return words(name);
}

QString tipOf(Placement placement) {
  switch (placement) {
    case Placement::Static:
      return "Reconstructed once when the model is loaded, then resident";
    case Placement::Jit:
      return "Base and delta are resident; the weight is reconstructed for each use, then dropped";
    case Placement::Stream:
      return "The base is resident; the delta is fetched and the weight reconstructed for each use";
  }
  return {};
}

std::uint64_t figureOf(const TensorPlacement& row, int column) {
  switch (column) {
    case PlanModel::Resident:
      return row.residentBytes;
    case PlanModel::Final:
      return row.finalBytes;
    case PlanModel::Base:
      return row.baseBytes;
    default:
      return row.deltaBytes;
  }
}

}  // namespace

QList<PlanPart> partsOf(const MemoryPlan& plan) {
  QList<PlanPart> parts{
      {"Weights", plan.weightBytes, "What is resident of all tensors"},
      {"KV cache", plan.kvCacheBytes,
       QString("Keys and values of %1 positions").arg(QString::fromStdString(formatCount(plan.context)))},
      {"Recurrent state", plan.stateBytes, "Of layers without keys and values: the same however long the text is"},
      {"Activations", plan.activationBytes, QString("While %1 tokens of a prompt are read at a time").arg(plan.prefillTokens)},
      {"Scratch", plan.scratchBytes, "Where weights are reconstructed, and what products need"},
      {"Streaming", plan.streamBytes, "Deltas on their way"},
      {"While loading", plan.loadBytes, "Beside the weights while they are read; given back before the cache is taken"}};
  parts.removeIf([](const PlanPart& part) { return part.bytes == 0; });
  return parts;
}

QString planSummary(const MemoryPlan& plan) {
  QStringList placed;
  for (const Placement placement : kPlacements) {
    const auto count = std::ranges::count(plan.tensors, placement, &TensorPlacement::placement);
    if (count > 0) placed << QString("%1 %2").arg(count).arg(wordOf(placement));
  }
  return QString("Expected peak %1 of %2 (%3). Tensors: %4.")
      .arg(bytes(plan.expectedPeak), bytes(plan.budget), plan.budgetGiven ? QString("the budget") : QString("what is free"),
           placed.join(", "));
}

QByteArray planToCsv(const MemoryPlan& plan) {
  QByteArray out = "tensor,placement,resident_bytes,final_bytes,base_bytes,delta_bytes\r\n";
  for (const TensorPlacement& row : plan.tensors) {
    QByteArray name = QByteArray::fromStdString(row.name);
    if (name.contains(',') || name.contains('"') || name.contains('\n') || name.contains('\r'))
      name = '"' + name.replace('"', "\"\"") + '"';
    out += name + ',' + wordOf(row.placement).toLatin1();
    for (const std::uint64_t figure : {row.residentBytes, row.finalBytes, row.baseBytes, row.deltaBytes})
      out += ',' + QByteArray::number(static_cast<qulonglong>(figure));
    out += "\r\n";
  }
  return out;
}

void PlanModel::setPlan(const MemoryPlan& plan) {
  beginResetModel();
  m_plan = plan;
  endResetModel();
}

int PlanModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_plan.tensors.size());
}

int PlanModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant PlanModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const TensorPlacement& row = m_plan.tensors[static_cast<std::size_t>(index.row())];
  const bool words = index.column() == Tensor || index.column() == Where;
  if (role == Qt::TextAlignmentRole) return QVariant((words ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
  if (index.column() == Tensor) {
    if (role == Qt::DisplayRole || role == Qt::ToolTipRole || role == kSortRole)
      return QString::fromStdString(printable(row.name));
    return {};
  }
  if (index.column() == Where) {
    if (role == Qt::DisplayRole) return wordOf(row.placement);
    if (role == Qt::ToolTipRole) return tipOf(row.placement);
    return role == kSortRole ? QVariant(static_cast<int>(row.placement)) : QVariant();
  }
  const std::uint64_t figure = figureOf(row, index.column());
  if (role == Qt::DisplayRole) return figure > 0 || index.column() == Resident ? bytes(figure) : QString("–");
  if (role == Qt::ToolTipRole) return QString::fromStdString(formatCount(figure)) + " bytes";
  return role == kSortRole ? QVariant::fromValue<qulonglong>(figure) : QVariant();
}

QVariant PlanModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
  if (role == Qt::DisplayRole) return QString(kHeadings[section].text);
  if (role == Qt::ToolTipRole) return QString(kHeadings[section].tip);
  if (role == Qt::TextAlignmentRole) return section <= Where ? Qt::AlignLeft : Qt::AlignRight;
  return {};
}

}  // namespace deltascope::ui
