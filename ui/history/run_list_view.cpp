// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_list_view.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "ui/frame/metrics.h"
#include "ui/frame/settings.h"
#include "ui/history/run_delegate.h"
#include "ui/history/run_filter.h"
#include "ui/history/run_list_model.h"
#include "ui/payload/filter_bar.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

/// What each column has room for. Names, settings and notes may be longer; their ends are in the tooltip.
constexpr std::array<const char*, kRunColumnCount> kSamples{"★",
                                                            "entropy, two l",
                                                            "2026-11-26 10:35",
                                                            "chat-nf4-de",
                                                            "CPU · EPYC 7",
                                                            "32 tokens · all",
                                                            "≠ cancelled, partial",
                                                            "as planned",
                                                            "1,234 (−8.8 %)",
                                                            "1,234 (−8.8 %)",
                                                            "0.728 (−8.8 %)",
                                                            "1,234 (−8.8 %)",
                                                            "✓ bit-exact, 3 not measured",
                                                            "fan off"};

QString runsFolder(const QString& dataFolder) {
  return dataFolder.isEmpty() ? QString() : dataFolder + QStringLiteral("/runs");
}

}  // namespace

RunListView::RunListView(const PageServices& services, QWidget* parent)
    : QWidget(parent),
      m_services(services),
      m_history(std::make_shared<RunHistory>(runsFolder(services.dataFolder))),
      m_model(new RunListModel(this)),
      m_rows(new RunFilter(m_model, this)),
      m_filter(new FilterBar),
      m_table(new QTableView),
      m_stack(new StateStack(m_table)),
      m_toldBaseline(QString()),
      m_laidOutFor(font()) {
  setObjectName("runList");
  setAccessibleName(tr("Benchmark runs"));
  makeTable();
  makeActions();
  m_filter->setObjectName("runFilterBar");
  m_filter->edit()->setObjectName("runFilter");
  m_filter->edit()->setAccessibleName(tr("Filter runs"));
  m_filter->edit()->setPlaceholderText(tr("Filter runs"));
  m_filter->edit()->setToolTip(
      tr("Words that must all be found in a run's row, in any column; \"all tensors\" in quotes stays together"));
  if (auto* regex = m_filter->findChild<QToolButton*>("filterRegex")) regex->setObjectName("runFilterRegex");
  if (auto* count = m_filter->findChild<QLabel*>("filterCount")) {
    count->setObjectName("runFilterCount");
    count->setAccessibleName(tr("Runs shown"));
  }
  m_stack->setObjectName("runStack");
  m_stack->button()->setObjectName("runEmptyImport");
  if (auto* words = m_stack->findChild<QLabel*>()) words->setObjectName("runEmptyWords");

  auto* bar = new QHBoxLayout;
  bar->setSpacing(steps(*this, 1));
  bar->addWidget(m_filter, 1);
  bar->addStretch(0);
  for (QAction* action : {m_pin, m_compare, m_import, m_export}) {
    auto* button = new QToolButton;
    button->setDefaultAction(action);
    button->setObjectName(action->objectName() + "Button");
    button->setAccessibleName(action->text().remove('&'));
    button->setToolButtonStyle(Qt::ToolButtonTextOnly);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setAutoRaise(true);
    bar->addWidget(button);
  }
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(steps(*this, 1));
  layout->addLayout(bar);
  layout->addWidget(m_stack, 1);

  connect(m_filter, &FilterBar::queryChanged, this, &RunListView::setQuery);
  connect(m_stack, &StateStack::buttonPressed, m_import, &QAction::trigger);
  connect(m_model, &RunListModel::renameRequested, this, &RunListView::rename);
  connect(m_model, &RunListModel::notesRequested, this, &RunListView::setNotes);
  connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &RunListView::refresh);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &RunListView::refresh);
  connect(m_model, &QAbstractItemModel::dataChanged, this, &RunListView::refresh);
  connect(m_model, &QAbstractItemModel::modelReset, this, &RunListView::refresh);
  connect(m_model, &QAbstractItemModel::rowsInserted, this, &RunListView::refresh);
  connect(m_model, &QAbstractItemModel::rowsRemoved, this, &RunListView::refresh);
  m_model->setBaseline(m_services.settings->get(setting::kBenchBaseline));
  resetLayout();
  reload();
}

void RunListView::makeTable() {
  m_table->setObjectName("runTable");
  m_table->setAccessibleName(tr("Benchmark runs"));
  m_table->setModel(m_rows);
  m_table->setItemDelegate(new RunDelegate(m_table));
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_table->setAlternatingRowColors(true);
  m_table->setShowGrid(false);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setSortingEnabled(true);
  m_table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
  m_table->verticalHeader()->hide();
  QHeaderView* header = m_table->horizontalHeader();
  header->setSectionsMovable(true);
  header->setHighlightSections(false);
  header->setStretchLastSection(true);
  connect(m_table, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    if (static_cast<RunColumn>(index.column()) != RunColumn::Baseline) openCurrent();
  });
  connect(m_table, &QTableView::clicked, this, [this](const QModelIndex& index) {
    const RunEntry* entry = entryAt(index);
    if (entry && entry->readable() && static_cast<RunColumn>(index.column()) == RunColumn::Baseline) togglePin(entry->file);
  });
}

const RunEntry* RunListView::entryAt(const QModelIndex& index) const {
  const QModelIndex row = m_rows->mapToSource(index);
  return row.isValid() ? &m_model->entryAt(row.row()) : nullptr;
}

const RunEntry* RunListView::current() const {
  const auto rows = selected();
  return rows.size() == 1 ? rows.front() : nullptr;
}

std::vector<const RunEntry*> RunListView::selected() const {
  QModelIndexList rows = m_table->selectionModel()->selectedRows();
  std::ranges::sort(rows, {}, &QModelIndex::row);
  std::vector<const RunEntry*> entries;
  for (const QModelIndex& row : rows)
    if (const RunEntry* entry = entryAt(row)) entries.push_back(entry);
  return entries;
}

QStringList RunListView::selectedFiles() const {
  QStringList files;
  for (const RunEntry* entry : selected()) files << entry->file;
  return files;
}

void RunListView::select(const QString& file) {
  const int row = m_model->rowOf(file);
  const QModelIndex index = row < 0 ? QModelIndex() : m_rows->mapFromSource(m_model->index(row, int(RunColumn::Name)));
  if (!index.isValid()) return;
  m_table->selectionModel()->setCurrentIndex(index, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
  m_table->scrollTo(index);
}

void RunListView::setQuery(const QString& query, bool regex) {
  m_rows->setQuery(query, regex);
  refresh();
}

void RunListView::showState() {
  if (m_model->rowCount() > 0) return m_stack->showContent();
  if (m_loading) return m_stack->showWords(tr("Reading runs …"));
  m_stack->showWords(m_history->inMemory()
                         ? tr("No runs yet. A benchmark that you run is listed here until the window closes.")
                         : tr("No runs yet. Every benchmark that you run is kept and listed here, to be compared with others."),
                     tr("Add run file …"));
}

/// Counts, what can be done, and what there is to see.
void RunListView::refresh() {
  showState();
  m_filter->setProblem(m_rows->problem());
  m_filter->setCount(m_rows->rowCount(), m_model->rowCount());
  tellBaseline();
  const auto rows = selected();
  const RunEntry* one = rows.size() == 1 ? rows.front() : nullptr;
  const bool readable = one && one->readable();
  for (QAction* action : {m_open, m_rename, m_notes, m_pin}) action->setEnabled(readable);
  m_pin->setText(readable && one->file == baselineFile() ? tr("Unpin &baseline") : tr("Pin as &baseline"));
  m_delete->setEnabled(!rows.empty());
  m_undo->setEnabled(!m_removed.isEmpty());
  m_compare->setEnabled(!toCompare().isEmpty());
  m_export->setEnabled(m_rows->rowCount() > 0);
}

void RunListView::tellBaseline() {
  const QString now = baselineFile();
  if (now == m_toldBaseline) return;
  m_toldBaseline = now;
  emit baselineChanged(now);
}

QString RunListView::baselineFile() const { return m_model->baseline(); }

void RunListView::setBaseline(const QString& file) {
  m_services.settings->set(setting::kBenchBaseline, file);
  m_model->setBaseline(file);
  refresh();
}

void RunListView::setThreshold(double share) { m_model->setThreshold(share); }

const QString& RunListView::folder() const { return m_history->folder(); }

QString RunListView::pathOf(const QString& file) const { return m_history->pathOf(file); }

Result<QString> RunListView::newRunFile(const QString& stem) { return m_history->newRunFile(stem); }

void RunListView::saveState(Settings& settings) const {
  settings.set(setting::kBenchRunsHeader, m_table->horizontalHeader()->saveState());
}

void RunListView::restoreState(const Settings& settings) {
  const QByteArray header = settings.get(setting::kBenchRunsHeader);
  if (!header.isEmpty()) m_table->horizontalHeader()->restoreState(header);
}

int RunListView::widthOf(RunColumn column) const {
  const QFontMetrics metrics(font());
  const int words = std::max(metrics.horizontalAdvance(QString::fromUtf8(kSamples[static_cast<std::size_t>(column)])),
                             metrics.horizontalAdvance(runHeaderText(column, {QStringLiteral("MiB"), 1})));
  return words + steps(*this, column == RunColumn::Baseline ? 2 : 3);
}

void RunListView::resetLayout() {
  QHeaderView* header = m_table->horizontalHeader();
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  header->setMinimumSectionSize(steps(*this, 4));
  for (int i = 0; i < kRunColumnCount; ++i) {
    header->moveSection(header->visualIndex(i), i);
    header->resizeSection(i, widthOf(static_cast<RunColumn>(i)));
  }
  m_table->sortByColumn(static_cast<int>(RunColumn::Time), Qt::DescendingOrder);
}

void RunListView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() != QEvent::FontChange) return;
  const double before = QFontMetricsF(m_laidOutFor).averageCharWidth();
  const double zoom = before > 0 ? QFontMetricsF(font()).averageCharWidth() / before : 1;
  m_laidOutFor = font();
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  QHeaderView* header = m_table->horizontalHeader();
  header->setMinimumSectionSize(steps(*this, 4));
  for (int i = 0; i < kRunColumnCount; ++i) header->resizeSection(i, qRound(header->sectionSize(i) * zoom));
}

}  // namespace deltascope::ui
