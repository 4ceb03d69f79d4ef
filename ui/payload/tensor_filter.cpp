// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_filter.h"

#include <algorithm>

#include "ui/payload/tensor_model.h"

namespace deltascope::ui {
QStringList queryWords(const QString& query) {
  QStringList words;
  const QStringList parts = query.split(u'"');
  for (qsizetype i = 0; i < parts.size(); ++i) {
    if (i % 2 == 0)
      words += parts[i].split(u' ', Qt::SkipEmptyParts);
    else if (!parts[i].trimmed().isEmpty())
      words += parts[i].trimmed();
  }
  return words;
}

TensorFilter::TensorFilter(TensorModel* model, QObject* parent) : QSortFilterProxyModel(parent), m_model(model) {
  setSortRole(kSortRole);
  // Before the base class hears of a change: it asks at once which rows are accepted.
  connect(model, &QAbstractItemModel::dataChanged, this, &TensorFilter::matchAgain);
  connect(model, &QAbstractItemModel::modelReset, this, &TensorFilter::matchAll);
  setSourceModel(model);
  matchAll();
}

void TensorFilter::setQuery(const QString& query, bool regex) {
  if (query == m_query && regex == m_regex) return;
  m_query = query;
  m_regex = regex;
  m_words = regex ? QStringList() : queryWords(query.toCaseFolded());
  m_expression =
      regex ? QRegularExpression(query, QRegularExpression::CaseInsensitiveOption | QRegularExpression::MultilineOption)
            : QRegularExpression();
  if (regex && m_expression.isValid()) m_expression.optimize();
  m_lastVerdict = QString();
  m_lastFound = regex && isActive() && found(m_lastVerdict);
  matchAll();
  // Not invalidateFilter(): it removes and inserts row by row, which takes seconds for tens of thousands of them.
  invalidate();
}

QString TensorFilter::problem() const {
  if (!m_regex || m_query.isEmpty() || m_expression.isValid()) return {};
  return QStringLiteral("%1 (at character %2)").arg(m_expression.errorString()).arg(m_expression.patternErrorOffset() + 1);
}

bool TensorFilter::matches(int tensor) const {
  if (!isActive()) return true;
  const QString& text = m_model->searchText(tensor);
  // The verdict changes while the table is open, so it is not part of the prepared text.
  const QString verdict = m_model->isCheckpoint() ? QString() : verdictCell(m_model->verdict(tensor));
  if (m_regex) {
    // Nearly all tensors have the verdict of the one before.
    if (verdict != m_lastVerdict) {
      m_lastVerdict = verdict;
      m_lastFound = found(verdict);
    }
    return m_lastFound || found(text);
  }
  return std::all_of(m_words.cbegin(), m_words.cend(),
                     [&](const QString& word) { return text.contains(word) || verdict.contains(word, Qt::CaseInsensitive); });
}

bool TensorFilter::found(const QString& text) const {
  // Our texts are valid UTF-16: checking them again would be a third of the work.
  return m_expression.match(text, 0, QRegularExpression::NormalMatch, QRegularExpression::DontCheckSubjectStringMatchOption)
      .hasMatch();
}

void TensorFilter::matchAll() {
  const int count = static_cast<int>(m_model->tensors().size());
  m_accepted.assign(static_cast<std::size_t>(count), 1);
  if (!isActive()) return;
  for (int tensor = 0; tensor < count; ++tensor) m_accepted[static_cast<std::size_t>(tensor)] = matches(tensor);
}

void TensorFilter::matchAgain(const QModelIndex& first, const QModelIndex& last) {
  if (!isActive()) return;
  for (int row = first.row(); row <= last.row(); ++row)
    if (const int tensor = m_model->tensorAt(first.siblingAtRow(row)); tensor >= 0)
      m_accepted[static_cast<std::size_t>(tensor)] = matches(tensor);
}

bool TensorFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
  const QModelIndex index = m_model->index(row, 0, parent);
  if (const int tensor = m_model->tensorAt(index); tensor >= 0) return accepts(tensor);
  const auto& tensors = m_model->tensorsOfBranch(row);
  return std::any_of(tensors.begin(), tensors.end(), [this](int tensor) { return accepts(tensor); });
}

bool TensorFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const {
  const QVariant a = left.data(kSortRole), b = right.data(kSortRole);
  if (a == b) return left.row() < right.row();
  if (a.typeId() == QMetaType::QString) return a.toString() < b.toString();
  return a.toDouble() < b.toDouble();
}

int TensorFilter::shownCount() const { return static_cast<int>(shownTensors().size()); }

std::vector<int> TensorFilter::shownTensors() const {
  std::vector<int> shown;
  for (int row = 0; row < rowCount(); ++row) {
    const QModelIndex top = index(row, 0);
    const int tensor = m_model->tensorAt(mapToSource(top));
    if (tensor >= 0) shown.push_back(tensor);
    for (int child = 0; child < rowCount(top); ++child) shown.push_back(m_model->tensorAt(mapToSource(index(child, 0, top))));
  }
  return shown;
}

QModelIndex TensorFilter::indexOf(int tensor) const { return mapFromSource(m_model->indexOf(tensor)); }

}  // namespace deltascope::ui
