// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/jobs/jobs_panel.h"

#include <QAction>
#include <QClipboard>
#include <QEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QSplitter>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/settings.h"
#include "ui/jobs/jobs_model.h"
#include "ui/jobs/progress_delegate.h"

namespace deltascope::ui {
namespace {

QAction* makeAction(QWidget* owner, const char* name, const QString& text, const QKeySequence& keys, const QString& tip) {
  auto* action = new QAction(text, owner);
  action->setObjectName(name);
  action->setShortcut(keys);
  action->setShortcutContext(Qt::WindowShortcut);
  action->setToolTip(tip);
  action->setStatusTip(tip);
  owner->addAction(action);
  return action;
}

}  // namespace

JobsPanel::JobsPanel(JobRunner& runner, JobsModel& model, QWidget* parent) : QWidget(parent), m_runner(runner), m_model(model) {
  setObjectName("jobsPanel");
  setAccessibleName("Jobs");
  m_cancel = makeAction(this, "jobCancel", "&Cancel job", QKeySequence("Ctrl+."), "Stop the chosen job, or the one that runs");
  m_open = makeAction(this, "jobOpenResult", "Open &result", QKeySequence("Ctrl+Shift+J"), "Open what the chosen job made");
  m_copyLog = makeAction(this, "jobCopyLog", "Copy job &log", QKeySequence("Ctrl+Shift+L"), "Copy the chosen job's log");
  m_clear = makeAction(this, "jobsClear", "Clear &finished jobs", QKeySequence("Ctrl+Shift+Backspace"),
                       "Forget the jobs that have ended");

  m_table = new QTableView;
  m_table->setObjectName("jobsTable");
  m_table->setAccessibleName("Jobs");
  m_table->setModel(&m_model);
  m_table->setItemDelegate(new ProgressDelegate(m_table));
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::SingleSelection);
  m_table->setShowGrid(false);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setStretchLastSection(false);
  m_table->horizontalHeader()->setSectionResizeMode(JobsModel::Phase, QHeaderView::Stretch);
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
  m_table->addActions({m_cancel, m_open, m_copyLog, m_clear});

  m_log = new QPlainTextEdit;
  m_log->setObjectName("jobLog");
  m_log->setAccessibleName("Log of the chosen job");
  m_log->setReadOnly(true);
  m_log->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  m_log->setTabChangesFocus(true);
  m_log->setPlaceholderText("The log of the chosen job");
  m_log->setFrameShape(QFrame::NoFrame);
  m_log->setLineWrapMode(QPlainTextEdit::NoWrap);

  m_splitter = new QSplitter(Qt::Horizontal);
  m_splitter->setObjectName("jobsSplitter");
  m_splitter->addWidget(m_table);
  m_splitter->addWidget(m_log);
  m_splitter->setStretchFactor(0, 3);
  m_splitter->setStretchFactor(1, 2);
  m_splitter->setChildrenCollapsible(false);
  for (QWidget* part : {static_cast<QWidget*>(m_table), static_cast<QWidget*>(m_log)}) part->setMinimumHeight(steps(*this, 16));

  auto* buttons = new QHBoxLayout;
  for (QAction* action : {m_cancel, m_open, m_copyLog, m_clear}) {
    auto* button = new QToolButton;
    button->setDefaultAction(action);
    button->setObjectName(action->objectName() + "Button");
    button->setAccessibleName(action->text().remove('&'));
    button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setAutoRaise(true);
    buttons->addWidget(button);
  }
  buttons->addStretch();
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 2), 0, steps(*this, 2), steps(*this, 1));
  layout->addLayout(buttons);
  layout->addWidget(m_splitter, 1);

  connect(m_cancel, &QAction::triggered, this, [this] {
    if (const JobView* job = current()) m_runner.cancel(job->id);
  });
  connect(m_open, &QAction::triggered, this, [this] {
    if (const JobView* job = current()) emit openResultRequested(job->spec.result);
  });
  connect(m_copyLog, &QAction::triggered, this, [this] {
    if (const JobView* job = current()) QGuiApplication::clipboard()->setText(job->log.join('\n'));
  });
  connect(m_clear, &QAction::triggered, &m_runner, &JobRunner::clearFinished);
  connect(m_table, &QTableView::activated, this, [this] {
    if (m_open->isEnabled()) m_open->trigger();
  });
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &JobsPanel::refresh);
  connect(&m_model, &QAbstractItemModel::dataChanged, this, &JobsPanel::refresh);
  connect(&m_model, &QAbstractItemModel::modelReset, this, &JobsPanel::refresh);
  connect(&m_model, &QAbstractItemModel::rowsInserted, this, [this](const QModelIndex&, int first) {
    if (!m_table->currentIndex().isValid() || !current() || isFinished(current()->state)) m_table->selectRow(first);
    m_table->scrollToTop();
    refresh();
  });
  applyIcons();
  resetLayout();
  refresh();
}

/// The chosen row; without one, the job that runs.
const JobView* JobsPanel::current() const {
  if (const JobView* chosen = m_model.viewAt(m_table->currentIndex().row())) return chosen;
  for (int row = 0; row < m_model.rowCount(); ++row)
    if (const JobView* job = m_model.viewAt(row); job->state == JobState::Running) return job;
  return nullptr;
}

void JobsPanel::refresh() {
  const JobView* job = current();
  bool anyFinished = false;
  for (int row = 0; row < m_model.rowCount(); ++row) anyFinished |= isFinished(m_model.viewAt(row)->state);
  m_cancel->setEnabled(job && !isFinished(job->state) && !job->cancelling);
  m_open->setEnabled(job && job->state == JobState::Succeeded && !job->spec.result.isEmpty());
  m_copyLog->setEnabled(job);
  m_clear->setEnabled(anyFinished);

  showLog(job);
}

/// New lines are added below: what is selected or scrolled to stays.
void JobsPanel::showLog(const JobView* job) {
  const QStringList log = job ? job->log : QStringList();
  const JobId id = job ? job->id : 0;
  if (id == m_shownLog && log == m_lines) return;
  const bool atEnd = m_log->verticalScrollBar()->value() == m_log->verticalScrollBar()->maximum();
  const bool grown =
      id == m_shownLog && !m_lines.isEmpty() && log.size() > m_lines.size() && log.mid(0, m_lines.size()) == m_lines;
  if (grown)
    m_log->appendPlainText(log.mid(m_lines.size()).join('\n'));
  else
    m_log->setPlainText(log.join('\n'));
  if (atEnd || id != m_shownLog) m_log->verticalScrollBar()->setValue(m_log->verticalScrollBar()->maximum());
  m_shownLog = id;
  m_lines = log;
}

QSize JobsPanel::sizeHint() const { return {steps(*this, 160), steps(*this, 36)}; }

void JobsPanel::select(JobId id) {
  if (const int row = m_model.rowOf(id); row >= 0) m_table->selectRow(row);
}

void JobsPanel::saveState(Settings& settings) const {
  settings.set(setting::kJobsHeader, m_table->horizontalHeader()->saveState());
  settings.set(setting::kJobsSplitter, m_splitter->saveState());
}

void JobsPanel::restoreState(const Settings& settings) {
  const QByteArray header = settings.get(setting::kJobsHeader), splitter = settings.get(setting::kJobsSplitter);
  if (!header.isEmpty()) m_table->horizontalHeader()->restoreState(header);
  if (!splitter.isEmpty()) m_splitter->restoreState(splitter);
}

void JobsPanel::resetLayout() {
  constexpr int kWidths[JobsModel::ColumnCount] = {26, 15, 20, 14, 13, 9, 9};
  for (int column = 0; column < JobsModel::ColumnCount; ++column)
    m_table->setColumnWidth(column, characters(*this, kWidths[column]));
  m_splitter->setSizes({3000, 2000});
}

void JobsPanel::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange) applyIcons();
  QWidget::changeEvent(event);
}

void JobsPanel::applyIcons() {
  m_cancel->setIcon(themedIcon("cancel", palette()));
  m_open->setIcon(themedIcon("open", palette()));
  m_copyLog->setIcon(themedIcon("copy", palette()));
  m_clear->setIcon(themedIcon("remove", palette()));
}

}  // namespace deltascope::ui
