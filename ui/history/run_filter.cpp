// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_filter.h"

#include <algorithm>
#include <cmath>

#include "ui/history/run_list_model.h"
#include "ui/payload/tensor_filter.h"

namespace deltascope::ui {

RunFilter::RunFilter(RunListModel* model, QObject* parent) : QSortFilterProxyModel(parent), m_model(model) {
  setSortRole(RunListModel::SortRole);
  setSourceModel(model);
}

void RunFilter::setQuery(const QString& query, bool regex) {
  m_regex = regex && !query.isEmpty();
  m_words = regex ? QStringList() : queryWords(query.toCaseFolded());
  m_expression = QRegularExpression(m_regex ? query : QString(),
                                    QRegularExpression::CaseInsensitiveOption | QRegularExpression::MultilineOption);
  invalidate();  // not invalidateFilter(): it removes and inserts row by row
}

QString RunFilter::problem() const {
  if (!m_regex || m_expression.isValid()) return {};
  return QStringLiteral("%1 (at character %2)").arg(m_expression.errorString()).arg(m_expression.patternErrorOffset() + 1);
}

bool RunFilter::filterAcceptsRow(int row, const QModelIndex&) const {
  const QString& text = m_model->searchText(row);
  if (m_regex) return !m_expression.isValid() || m_expression.match(text).hasMatch();
  return std::ranges::all_of(m_words, [&text](const QString& word) { return text.contains(word); });
}

bool RunFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const {
  const QVariant a = left.data(RunListModel::SortRole), b = right.data(RunListModel::SortRole);
  if (a.typeId() != QMetaType::Double) {
    if (a.typeId() == QMetaType::QString) return a.toString() < b.toString();
    return a.toInt() < b.toInt();
  }
  const double x = a.toDouble(), y = b.toDouble();
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && !std::isnan(y);
  return x < y;
}

}  // namespace deltascope::ui
