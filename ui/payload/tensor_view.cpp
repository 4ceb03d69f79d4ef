// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_view.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QDataStream>
#include <QHeaderView>
#include <QIODevice>
#include <QMenu>
#include <algorithm>
#include <array>

#include "ui/frame/metrics.h"
#include "ui/payload/bar_delegate.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"

namespace deltascope::ui {
namespace {

/// Least widths in average characters; a column is never narrower than its header.
constexpr std::array<double, kColumnCount> kWidths{25, 14.5, 8, 8, 8, 11, 8, 9.5, 8, 8, 15};
constexpr int kAllOpen = 200;  // more tensors start with closed branches

constexpr int number(Column column) { return static_cast<int>(column); }

}  // namespace

TensorView::TensorView(TensorModel* model, TensorFilter* filter, QWidget* parent)
    : QTreeView(parent), m_model(model), m_filter(filter), m_copy(new QAction(tr("&Copy rows"), this)) {
  setObjectName(QStringLiteral("tensorTable"));
  setAccessibleName(tr("Tensors"));
  setModel(filter);
  setItemDelegate(new BarDelegate(this));
  setUniformRowHeights(true);
  setAlternatingRowColors(true);
  setSelectionMode(ExtendedSelection);
  setSelectionBehavior(SelectRows);
  setEditTriggers(NoEditTriggers);
  setFrameShape(QFrame::NoFrame);
  setAllColumnsShowFocus(true);
  setSortingEnabled(true);
  sortByColumn(number(Column::Name), Qt::AscendingOrder);
  setContextMenuPolicy(Qt::ActionsContextMenu);
  header()->setSectionsMovable(true);
  header()->setStretchLastSection(true);
  header()->setHighlightSections(false);
  header()->setContextMenuPolicy(Qt::ActionsContextMenu);
  setTextElideMode(Qt::ElideMiddle);
  setIndentation(steps(*this, 3.5));

  m_copy->setShortcut(QKeySequence::Copy);
  m_copy->setShortcutContext(Qt::WidgetShortcut);
  m_copy->setStatusTip(tr("Copies the selected rows as tab-separated text"));
  addAction(m_copy);
  connect(m_copy, &QAction::triggered, this, [this] {
    const QString text = selectionText();
    if (!text.isEmpty()) QApplication::clipboard()->setText(text);
  });
  for (int i = number(Column::Shape); i < kColumnCount; ++i) {
    const auto column = static_cast<Column>(i);
    auto* action = new QAction(columnName(column, false), this);
    action->setObjectName(QStringLiteral("column_") + fieldName(column));
    action->setCheckable(true);
    action->setStatusTip(headerToolTip(column, false));
    connect(action, &QAction::triggered, this, [this, column](bool on) { setColumnWanted(column, on); });
    m_columnActions.append(action);
    header()->addAction(action);
  }
  connect(this, &QTreeView::collapsed, this, [this](const QModelIndex& index) {
    if (!m_quiet && !m_filter->isActive()) m_closed.insert(index.data().toString());
  });
  connect(this, &QTreeView::expanded, this, [this](const QModelIndex& index) {
    if (!m_quiet && !m_filter->isActive()) m_closed.remove(index.data().toString());
  });
  resetColumns();
}

void TensorView::setColumnWanted(Column column, bool wanted) {
  if (wanted)
    m_unwanted.remove(column);
  else
    m_unwanted.insert(column);
  showWantedColumns();
}

void TensorView::resetColumns() {
  m_unwanted = {Column::Base};
  for (int i = 0; i < kColumnCount; ++i) {
    header()->moveSection(header()->visualIndex(i), i);
    // The widest unit, so that columns keep their place from model to model.
    const QString label = headerText(static_cast<Column>(i), {{QStringLiteral("M"), 1}, {QStringLiteral("MiB"), 1}}, false);
    const int least = header()->fontMetrics().horizontalAdvance(label) + steps(*this, 3);
    header()->resizeSection(i, std::max(least, characters(*this, kWidths[static_cast<std::size_t>(i)])));
  }
  sortByColumn(number(Column::Name), Qt::AscendingOrder);
  showWantedColumns();
}

void TensorView::showWantedColumns() {
  // The verdict's words may have what is left; a number would drift away from its row.
  header()->setStretchLastSection(!m_model->isCheckpoint() && !m_unwanted.contains(Column::Verdict));
  for (int i = 0; i < kColumnCount; ++i) {
    const auto column = static_cast<Column>(i);
    const bool applies = !m_model->isCheckpoint() || appliesToCheckpoint(column);
    setColumnHidden(i, !applies || m_unwanted.contains(column));
    if (i == 0) continue;
    QAction* action = m_columnActions[i - 1];
    action->setVisible(applies);
    action->setText(columnName(column, m_model->isCheckpoint()));
    action->setChecked(!m_unwanted.contains(column));
  }
}

QByteArray TensorView::saveColumns() const {
  // Not QHeaderView::saveState(): it would store what a checkpoint hides as if the user had.
  QByteArray state;
  QDataStream out(&state, QIODevice::WriteOnly);
  out << qint32{1};
  for (int i = 0; i < kColumnCount; ++i) {
    const int width = header()->sectionSize(i);
    out << qint32{header()->visualIndex(i)} << qint32{width} << m_unwanted.contains(static_cast<Column>(i));
  }
  out << qint32{header()->sortIndicatorSection()} << qint32{header()->sortIndicatorOrder()};
  return state;
}

void TensorView::restoreColumns(const QByteArray& state) {
  QDataStream in(state);
  qint32 version = 0;
  in >> version;
  std::array<qint32, kColumnCount> places{}, widths{};
  std::array<bool, kColumnCount> unwanted{};
  for (std::size_t i = 0; i < kColumnCount; ++i) in >> places[i] >> widths[i] >> unwanted[i];
  qint32 sortColumn = 0, order = 0;
  in >> sortColumn >> order;
  if (version != 1 || in.status() != QDataStream::Ok || sortColumn < 0 || sortColumn >= kColumnCount) return;
  m_unwanted.clear();
  for (int place = 0; place < kColumnCount; ++place)
    for (int i = 0; i < kColumnCount; ++i)
      if (places[static_cast<std::size_t>(i)] == place) header()->moveSection(header()->visualIndex(i), place);
  for (int i = 0; i < kColumnCount; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (unwanted[at] && i > 0) m_unwanted.insert(static_cast<Column>(i));
    if (widths[at] > 0 && widths[at] < 10'000) header()->resizeSection(i, widths[at]);
  }
  sortByColumn(sortColumn, order == Qt::DescendingOrder ? Qt::DescendingOrder : Qt::AscendingOrder);
  showWantedColumns();
}

void TensorView::modelChanged() {
  m_closed.clear();
  if (m_model->tensors().size() > kAllOpen)
    for (int row = 0; row < m_model->rowCount(); ++row) m_closed.insert(m_model->index(row, 0).data().toString());
  setRootIsDecorated(m_model->isGrouped());
  showWantedColumns();
  openBranches();
}

void TensorView::filterChanged() { openBranches(); }

void TensorView::openBranches() {
  if (!m_model->isGrouped()) return;
  m_quiet = true;
  if (m_filter->isActive() || m_closed.isEmpty()) {
    expandAll();
  } else {
    for (int row = 0; row < m_filter->rowCount(); ++row) {
      const QModelIndex branch = m_filter->index(row, 0);
      setExpanded(branch, !m_closed.contains(branch.data().toString()));
    }
  }
  m_quiet = false;
}

QList<int> TensorView::selectedTensors() const {
  QSet<int> found;
  for (const QModelIndex& index : selectionModel()->selectedRows())
    for (const int tensor : m_model->tensorsUnder(m_filter->mapToSource(index))) found.insert(tensor);
  QList<int> list(found.begin(), found.end());
  std::sort(list.begin(), list.end());
  return list;
}

void TensorView::selectTensors(const QList<int>& tensors) {
  QItemSelection selection;
  QModelIndex first;
  for (const int tensor : tensors) {
    const QModelIndex index = m_filter->indexOf(tensor);
    if (!index.isValid()) continue;
    if (!first.isValid()) first = index;
    selection.select(index, index);
  }
  if (first.isValid()) {
    if (first.parent().isValid()) expand(first.parent());
    selectionModel()->setCurrentIndex(first, QItemSelectionModel::NoUpdate);
    scrollTo(first);
  }
  selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
}

QString TensorView::selectionText() const {
  const QList<int> chosen = selectedTensors();
  if (chosen.isEmpty()) return {};
  QList<Column> columns;
  for (int place = 0; place < header()->count(); ++place) {
    const int column = header()->logicalIndex(place);
    if (!isColumnHidden(column)) columns.append(static_cast<Column>(column));
  }
  QStringList lines, fields;
  for (const Column column : columns) fields << fieldName(column);
  lines << fields.join(u'\t');
  for (const int tensor : m_filter->shownTensors()) {
    if (!chosen.contains(tensor)) continue;
    fields.clear();
    for (const Column column : columns) {
      QString text = column == Column::Verdict ? verdictToolTip(m_model->verdict(tensor))
                                               : fieldText(m_model->tensors()[static_cast<std::size_t>(tensor)], column);
      fields << text.replace(u'\t', u' ').replace(u'\n', u' ');
    }
    lines << fields.join(u'\t');
  }
  return lines.join(u'\n') + u'\n';
}

void TensorView::selectionChanged(const QItemSelection& selected, const QItemSelection& deselected) {
  QTreeView::selectionChanged(selected, deselected);
  emit tensorSelectionChanged();
}

void TensorView::changeEvent(QEvent* event) {
  const double before = fontMetrics().averageCharWidth();
  QTreeView::changeEvent(event);
  if (event->type() != QEvent::FontChange || before <= 0) return;
  setUniformRowHeights(false);  // measures a row again
  setUniformRowHeights(true);
}

}  // namespace deltascope::ui
