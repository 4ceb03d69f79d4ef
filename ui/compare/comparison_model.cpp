// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/compare/comparison_model.h"

#include <QApplication>
#include <QBrush>
#include <QPalette>
#include <QRegularExpression>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checkpoint/gguf_value.h"
#include "ui/charts/numbers.h"
#include "ui/frame/theme.h"
#include "ui/report/run_words.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

QVariant colourOf(const DiffMetric& metric, bool comparable) {
  const ThemeColors colors = colorsOf(QApplication::palette());
  switch (metric.verdict) {
    case DiffMetric::Verdict::Better:
      return QBrush(colors.good);
    case DiffMetric::Verdict::Worse:
      return QBrush(colors.bad);
    case DiffMetric::Verdict::Same:
      return QBrush(colors.muted);
    default:
      return comparable ? QVariant() : QBrush(colors.muted);
  }
}

bool isBytes(const QString& metric) { return metric.endsWith("_bytes"); }

}  // namespace

QString differenceText(const DiffMetric& metric, bool relative, const ByteScale& scale) {
  const auto value = relative ? metric.relative() : metric.absolute();
  if (!value) return metric.a && metric.b ? QString("–") : QString();
  QString text = relative ? signedNumber(100 * *value) + " %" : signedNumber(*value);
  if (metric.name.ends_with("_bytes") && !relative)
    text = (*value > 0 ? "+" : "") + QString::fromStdString(textIn(scale, *value));
  if (!relative) return text;
  switch (metric.verdict) {
    case DiffMetric::Verdict::Better:
      return text + " ▲ better";
    case DiffMetric::Verdict::Worse:
      return text + " ▼ worse";
    case DiffMetric::Verdict::Changed:
      return text + " changed";
    case DiffMetric::Verdict::Same:
      break;
  }
  return text + " – same";
}

void ComparisonModel::setComparison(TableComparison comparison) {
  beginResetModel();
  m_comparison = std::move(comparison);
  endResetModel();
}

void ComparisonModel::setMetric(const QString& metric) {
  beginResetModel();
  m_metric = metric;
  double largest = 0;
  for (int row = 0; isBytes(metric) && row < rowCount(); ++row)
    for (int other = 0; other < static_cast<int>(m_comparison.diffs.size()); ++other)
      if (const DiffMetric* found = metricAt(row, other))
        largest = std::max({largest, std::abs(found->a.value_or(0)), std::abs(found->b.value_or(0))});
  m_scale = byteScale(static_cast<std::uint64_t>(largest));
  endResetModel();
}

QString ComparisonModel::valueText(std::optional<double> value) const {
  if (!value) return "–";
  return isBytes(m_metric) ? QString::fromStdString(textIn(m_scale, *value)) : significant(*value, 4);
}

int ComparisonModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_comparison.rows.size());
}
int ComparisonModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() || m_comparison.diffs.empty() ? 0 : remarksColumn() + 1;
}

const DiffMetric* ComparisonModel::metricAt(int row, int other) const {
  const DiffRow* diff = m_comparison.rows[static_cast<std::size_t>(row)].others[static_cast<std::size_t>(other)];
  return diff ? diff->find(m_metric.toStdString()) : nullptr;
}

std::optional<double> ComparisonModel::baselineAt(int row) const {
  for (int other = 0; other < static_cast<int>(m_comparison.diffs.size()); ++other)
    if (const DiffMetric* metric = metricAt(row, other); metric && metric->a) return metric->a;
  return std::nullopt;
}

QString ComparisonModel::remarksAt(int row) const {
  QStringList remarks;
  const auto& others = m_comparison.rows[static_cast<std::size_t>(row)].others;
  for (std::size_t i = 0; i < others.size(); ++i) {
    if (!others[i]) continue;
    const QString name = m_comparison.names[static_cast<qsizetype>(i) + 1],
                  prefix = others.size() > 1 ? name + ": " : QString();
    if (!others[i]->inB)
      remarks << "only in " + m_comparison.names.front() + (others.size() > 1 ? ", not in " + name : QString());
    if (!others[i]->inA) remarks << "only in " + name;
    for (const std::string& remark : others[i]->remarks) remarks << prefix + QString::fromStdString(remark);
  }
  return remarks.join("; ");
}

QString ComparisonModel::searchText(int row) const {
  const auto& one = m_comparison.rows[static_cast<std::size_t>(row)];
  return (QString::fromStdString(one.tensor) + ' ' + QString::fromStdString(one.mode) + ' ' + remarksAt(row)).toLower();
}

QVariant ComparisonModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const int row = index.row(), column = index.column();
  const auto& one = m_comparison.rows[static_cast<std::size_t>(row)];
  const bool text = role == Qt::DisplayRole || role == kSortRole || role == Qt::ToolTipRole;
  if (column == Tensor && role == Qt::DisplayRole) return shortTensor(one.tensor);
  if (column == Tensor) return text ? QString::fromStdString(one.tensor) : QVariant();
  if (column == Mode) return text ? modeText(one.mode) : QVariant();
  if (column == remarksColumn()) return text ? remarksAt(row) : QVariant();
  if (role == Qt::TextAlignmentRole) return QVariant::fromValue(Qt::AlignRight | Qt::AlignVCenter);
  constexpr double kLowest = -std::numeric_limits<double>::infinity();
  if (column == Baseline) {
    const auto value = baselineAt(row);
    if (role == kSortRole) return value.value_or(kLowest);
    if (role == Qt::ToolTipRole && value) return exactNumber(*value);
    for (int other = 0; role == Qt::DisplayRole && other < static_cast<int>(m_comparison.diffs.size()); ++other)
      if (const DiffMetric* metric = metricAt(row, other); metric && metric->a) return valueText(metric->a);
    return role == Qt::DisplayRole ? QVariant("–") : QVariant();
  }
  const DiffMetric* metric = metricAt(row, (column - FixedCount) / OfCount);
  const int of = (column - FixedCount) % OfCount;
  if (!metric) return role == Qt::DisplayRole ? QVariant("–") : role == kSortRole ? QVariant(kLowest) : QVariant();
  const auto value = of == Value ? metric->b : of == Absolute ? metric->absolute() : metric->relative();
  if (role == kSortRole) return value.value_or(kLowest);
  if (role == Qt::DisplayRole) return of == Value ? valueText(metric->b) : differenceText(*metric, of == Relative, m_scale);
  if (role == Qt::ForegroundRole && of != Value)
    return colourOf(*metric, m_comparison.diffs[static_cast<std::size_t>((column - FixedCount) / OfCount)].comparable());
  if (role == Qt::ToolTipRole && value)
    return exactNumber(*value) +
           (metric->noise > 0 ? ", repetitions alone differ by " + exactNumber(metric->noise) : QString());
  return {};
}

QVariant ComparisonModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
  const bool figure = section >= Baseline && section < remarksColumn();
  if (role == Qt::TextAlignmentRole && figure) return QVariant::fromValue(Qt::AlignRight | Qt::AlignVCenter);
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
  if (section == Tensor) return "Tensor";
  if (section == Mode) return "Mode";
  if (section == remarksColumn()) return "Remarks";
  const bool tip = role == Qt::ToolTipRole;
  const QString unit = isBytes(m_metric) ? ", " + words(m_scale.name) : QString();
  if (section == Baseline) return tip ? metricWords(m_metric) + " of the baseline " + m_comparison.names.front() : "★ A" + unit;
  const QString name = m_comparison.names[(section - FixedCount) / OfCount + 1];
  switch ((section - FixedCount) % OfCount) {
    case Value:
      return tip ? metricWords(m_metric) + " of " + name : letterOf((section - FixedCount) / OfCount + 1) + unit;
    case Absolute:
      return tip ? name + " minus the baseline" : "Δ " + letterOf((section - FixedCount) / OfCount + 1) + unit;
    default:
      return tip ? "The same as a share of the baseline's value, and whether it is beyond noise"
                 : "Δ " + letterOf((section - FixedCount) / OfCount + 1) + " %";
  }
}

ComparisonFilter::ComparisonFilter(ComparisonModel* model, QObject* parent) : QSortFilterProxyModel(parent), m_model(model) {
  setSourceModel(model);
  setSortRole(ComparisonModel::kSortRole);
}

void ComparisonFilter::setQuery(const QString& query, bool regex) {
  m_words = regex ? QStringList() : query.toLower().split(' ', Qt::SkipEmptyParts);
  m_expression = QRegularExpression(regex ? query : QString(), QRegularExpression::CaseInsensitiveOption);
  invalidateFilter();
}

void ComparisonFilter::setDifferencesOnly(bool on) {
  m_differencesOnly = on;
  invalidateFilter();
}

QString ComparisonFilter::problem() const { return m_expression.isValid() ? QString() : m_expression.errorString(); }

bool ComparisonFilter::filterAcceptsRow(int row, const QModelIndex&) const {
  if (m_differencesOnly && !m_model->comparison().rows[static_cast<std::size_t>(row)].differs()) return false;
  const bool expression = m_expression.isValid() && !m_expression.pattern().isEmpty();
  if (m_words.isEmpty() && !expression) return true;
  const QString text = m_model->searchText(row);
  if (expression) return m_expression.match(text).hasMatch();
  return std::all_of(m_words.begin(), m_words.end(), [&](const QString& word) { return text.contains(word); });
}

std::vector<int> ComparisonFilter::shownRows() const {
  std::vector<int> rows;
  for (int row = 0; row < rowCount(); ++row) rows.push_back(mapToSource(index(row, 0)).row());
  return rows;
}

}  // namespace deltascope::ui
