// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/benchmark/run_rows_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "core/bench/run_words.h"
#include "ui/charts/numbers.h"
#include "ui/report/run_words.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

using Model = RunRowsModel;

struct Head {
  const char *text, *tip;
};
constexpr std::array<Head, Model::ColumnCount> kHeads{{
    {"Tensor", "The weight that was used, or the whole model when it generated"},
    {"Mode", "Where the final weight comes from: static, jit or stream. additive, zstd, base and resident are baselines"},
    {"Verdict", "Bitwise comparison of every element with the final"},
    {"Codec", "How the delta is stored"},
    {"Size MiB", "Bytes of the final weight"},
    {"Resident ms", "One use of the final weight kept in memory: the ground truth. Median of the repetitions"},
    {"In use ms", "One use in this mode, reconstruction included. Median of the repetitions"},
    {"Overhead ms", "What reconstruction adds to one use"},
    {"Rebuilt GB/s", "Bytes of the final weight over the time of reconstruction alone, 10^9 a second"},
    {"Of copy", "Bytes read and written by reconstruction a second, as a share of the machine's copy rate"},
    {"Peak MiB", "The most memory accounted on the device in this mode"},
    {"Saved MiB", "Against keeping the full weight; negative: it takes more"},
    {"Tokens/s", "Of generation, median"},
    {"First ms", "Time to the first token, median"},
    {"Output norm", "Of the product with a random input; 0 would mean a broken layer"},
}};

std::optional<double> mib(double bytes) { return bytes / double(1u << 20); }
std::optional<double> median(const Timings& timings) {
  return timings.empty() ? std::nullopt : std::optional(timings.median());
}

std::optional<double> figure(const BenchmarkRow& row, int column) {
  switch (column) {
    case Model::Size:
      return mib(double(row.layerBytes));
    case Model::Resident:
      return median(row.residentMs);
    case Model::Used:
      return median(row.usedMs);
    case Model::Overhead:
      return row.residentMs.empty() || row.usedMs.empty() ? std::nullopt : std::optional(row.overheadMs());
    case Model::Rebuilt:
      return row.rebuildMs.empty() ? std::nullopt : std::optional(row.reconstructGbPerSecond());
    case Model::CopyShare:
      return row.copyShare > 0 ? std::optional(row.copyShare) : std::nullopt;
    case Model::Peak:
      return mib(double(row.peakMemoryBytes));
    case Model::Saved:
      return mib(double(row.memorySavedBytes()));
    case Model::TokensPerSecond:
      return row.generation ? median(row.generation->tokensPerSecond) : std::nullopt;
    case Model::FirstToken:
      return row.generation ? median(row.generation->timeToFirstTokenMs) : std::nullopt;
    case Model::Norm:
      return row.outputNorm;
    default:
      return std::nullopt;
  }
}

QString figureText(int column, double value) {
  if (column == Model::CopyShare) return percentText(value);
  const QString text = significant(value);
  return (column == Model::Overhead || column == Model::Saved) && value > 0 ? u'+' + text : text;
}

QString spreadTip(const Timings& timings, const QString& unit) {
  return QString("median %1 %4, from %2 to %3 in %5 repetitions")
      .arg(exactNumber(timings.median()), exactNumber(timings.least()), exactNumber(timings.most()), unit)
      .arg(timings.values.size());
}

QString exactText(const BenchmarkRow& row, int column, double value) {
  switch (column) {
    case Model::Size:
      return exactCount(row.layerBytes) + " bytes";
    case Model::Peak:
      return exactCount(row.peakMemoryBytes) + " bytes";
    case Model::Saved:
      return exactInteger(row.memorySavedBytes()) + " bytes";
    case Model::Overhead: {
      const std::string_view note = overheadNote(row);
      return exactNumber(value) + " ms" + (note.empty() ? QString() : ", " + words(note)) + "\nrepetitions alone differ by " +
             exactNumber(overheadNoiseMs(row)) + " ms";
    }
    case Model::Resident:
      return spreadTip(row.residentMs, "ms");
    case Model::Used:
      return spreadTip(row.usedMs, "ms");
    case Model::Rebuilt:
      return spreadTip(row.rebuildMs, "ms for the whole weight");
    case Model::TokensPerSecond:
      return spreadTip(row.generation->tokensPerSecond, "tokens/s");
    case Model::FirstToken:
      return spreadTip(row.generation->timeToFirstTokenMs, "ms");
    case Model::Norm:
      return QString("%1 over %2 outputs, hash %3")
          .arg(exactNumber(value), exactCount(row.outputCount), QString::fromStdString(row.outputHash));
    default:
      return exactNumber(value);
  }
}

QString words(const BenchmarkRow& row, bool baseline, int column) {
  switch (column) {
    case Model::Tensor:
      return shortTensor(row.tensor);
    case Model::Mode:
      return modeText(row.mode) + (baseline ? QString(" · baseline") : QString());
    case Model::Codec:
      return row.codec.empty() ? QString("–") : QString::fromStdString(row.codec);
    default:
      return rowVerdict(row).section(": ", 0, 0);  // the counts are in the tooltip
  }
}

bool isFigure(int column) { return column >= Model::Size && column <= Model::Norm; }

}  // namespace

void RunRowsModel::clear() {
  beginResetModel();
  m_rows.clear();
  m_figures.reset();
  endResetModel();
}

void RunRowsModel::setRun(const BenchmarkRun& run) {
  beginResetModel();
  m_rows.clear();
  m_figures.reset();
  for (const auto& row : run.rows) m_rows.push_back({row, false});
  for (const auto& row : run.baselines) m_rows.push_back({row, true});
  for (const auto& row : m_rows) noteFigures(row.row);
  endResetModel();
}

void RunRowsModel::add(std::vector<Row> rows) {
  if (rows.empty()) return;
  const int at = rowCount();
  beginInsertRows({}, at, at + static_cast<int>(rows.size()) - 1);
  for (auto& row : rows) {
    noteFigures(row.row);
    m_rows.push_back(std::move(row));
  }
  endInsertRows();
}

void RunRowsModel::noteFigures(const BenchmarkRow& row) {
  for (int column = 0; column < ColumnCount; ++column)
    if (!m_figures[static_cast<std::size_t>(column)] && figure(row, column)) m_figures.set(static_cast<std::size_t>(column));
}

bool RunRowsModel::hasFigures(Column column) const { return m_figures[static_cast<std::size_t>(column)]; }

int RunRowsModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_rows.size()); }
int RunRowsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant RunRowsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const auto& [row, baseline] = m_rows[static_cast<std::size_t>(index.row())];
  const int column = index.column();
  if (role == Qt::TextAlignmentRole && isFigure(column)) return QVariant::fromValue(Qt::AlignRight | Qt::AlignVCenter);
  if (!isFigure(column)) {
    const bool tip = role == Qt::ToolTipRole;
    if (tip && column == Tensor) return QString::fromStdString(row.tensor);
    if (tip && column == Verdict && !row.generation)
      return QString("%1 of %2 elements differ%3")
          .arg(exactCount(row.elementsDifferent), exactCount(row.elementsCompared),
               row.firstDifference ? ", the first at " + exactCount(*row.firstDifference) : QString());
    return role == Qt::DisplayRole || role == kSortRole || tip ? QVariant(words(row, baseline, column)) : QVariant();
  }
  const auto value = figure(row, column);
  if (role == Qt::DisplayRole) {
    if (!value) return QString("–");
    const std::string_view note = column == Overhead ? overheadNote(row) : std::string_view();
    return figureText(column, *value) + (note.empty() ? QString() : note.starts_with("within") ? " (noise)" : " (faster)");
  }
  if (role == kSortRole) return value.value_or(-std::numeric_limits<double>::infinity());
  if (role == Qt::ToolTipRole && value) return exactText(row, column, *value);
  return {};
}

QVariant RunRowsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
  const Head& head = kHeads[static_cast<std::size_t>(section)];
  if (role == Qt::DisplayRole) return QLatin1String(head.text);
  if (role == Qt::ToolTipRole) return QLatin1String(head.tip);
  if (role == Qt::TextAlignmentRole && isFigure(section)) return QVariant::fromValue(Qt::AlignRight | Qt::AlignVCenter);
  return {};
}

}  // namespace deltascope::ui
