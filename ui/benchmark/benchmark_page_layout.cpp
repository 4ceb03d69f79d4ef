// SPDX-License-Identifier: GPL-3.0-or-later
// The part of BenchmarkPage that puts its widgets together.
#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QTabWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/benchmark/benchmark_bar.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/benchmark/run_rows_model.h"
#include "ui/compare/comparison_view.h"
#include "ui/frame/metrics.h"
#include "ui/frame/settings.h"
#include "ui/history/run_list_view.h"
#include "ui/payload/facts_view.h"
#include "ui/report/run_command.h"

namespace deltascope::ui {

BenchmarkPage::BenchmarkPage(const PageServices& services, QWidget* parent)
    : Page("benchmark", "Benchmark", "clock", parent), m_services(services) {
  m_bar = new BenchmarkBar;
  m_live = new LiveRun;
  m_comparison = new ComparisonView(services);
  m_runs = new RunListView(services);
  makeActions();
  m_tabs = new QTabWidget;
  m_tabs->setObjectName("benchTabs");
  m_tabs->setAccessibleName("Views of a run");
  m_tabs->setDocumentMode(true);
  m_tabs->addTab(m_live, "Char&ts");
  m_tabs->addTab(makeResults(), "Fi&gures");
  m_facts = new FactsView;
  m_facts->setObjectName("benchFacts");
  m_facts->setAccessibleName("How the run was measured");
  m_tabs->addTab(m_facts, "Fa&cts");
  m_tabs->addTab(m_comparison, "Compar&ison");
  auto* corner = new QWidget;
  auto* inner = new QHBoxLayout(corner);
  inner->setContentsMargins(0, 0, steps(*this, 3), steps(*this, 1));
  inner->addWidget(m_export);
  m_tabs->setCornerWidget(corner);
  m_splitter = new QSplitter(Qt::Vertical);
  m_splitter->setObjectName("benchSplitter");
  m_splitter->setChildrenCollapsible(false);
  m_splitter->addWidget(m_tabs);
  m_splitter->addWidget(m_runs);
  m_tabs->setMinimumHeight(steps(*this, 50));
  m_runs->setMinimumHeight(steps(*this, 26));
  m_summary = new QLabel;
  m_summary->setObjectName("benchSummary");
  m_summary->setAccessibleName("The run in one line");
  m_summary->setTextFormat(Qt::PlainText);
  m_summary->setWordWrap(true);
  m_summary->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_summary->setContentsMargins(steps(*this, 3), steps(*this, 1), steps(*this, 3), steps(*this, 1));
  m_summary->setMinimumHeight(2 * m_summary->fontMetrics().lineSpacing() + steps(*this, 2));  // so that nothing moves
  m_summary->setAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_summary->setText("– no run is shown");
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(m_bar);
  layout->addWidget(m_summary);
  layout->addWidget(m_splitter, 1);
  connectParts();
  resetLayout();
  updateState();
}

QWidget* BenchmarkPage::makeResults() {
  m_rows = new RunRowsModel(this);
  auto* sorted = new QSortFilterProxyModel(this);
  sorted->setSourceModel(m_rows);
  sorted->setSortRole(RunRowsModel::kSortRole);
  m_table = new QTableView;
  m_table->setObjectName("benchRows");
  m_table->setAccessibleName("Figures of the run");
  m_table->setModel(sorted);
  m_table->setSortingEnabled(true);
  m_table->sortByColumn(-1, Qt::AscendingOrder);  // as they were measured
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setShowGrid(false);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setAlternatingRowColors(true);
  m_table->setTextElideMode(Qt::ElideMiddle);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->horizontalHeader()->setResizeContentsPrecision(200);  // rows; names of thousands are alike
  return m_table;
}

QAction* BenchmarkPage::makeAction(const char* name, const QString& text, const QKeySequence& keys, const QString& tip,
                                   std::function<void()> act) {
  auto* action = new QAction(text, this);
  action->setObjectName(QLatin1String(name));
  action->setShortcut(keys);
  action->setStatusTip(tip);
  action->setToolTip(tip);
  connect(action, &QAction::triggered, this, std::move(act));
  return action;
}

void BenchmarkPage::makeActions() {
  Actions& a = m_actions;
  a.run = makeAction("benchRunAction", "Run &benchmark", QKeySequence("F5"), "Measure the open model and record it",
                     [this] { run(); });
  a.cancel = makeAction("benchCancelAction", "&Stop benchmark", QKeySequence("Shift+F5"), "Stop; what was measured is kept",
                        [this] { cancel(); });
  a.pause = makeAction("benchPauseAction", "&Pause charts", QKeySequence("F6"), "The charts stand still, or go on",
                       [this] { m_live->setPaused(!m_live->paused()); });
  a.follow = makeAction("benchFollowAction", "&Follow the run", QKeySequence("F7"), "Bring the whole run into view",
                        [this] { m_live->setFollow(true); });
  a.report =
      makeAction("benchReport", "Write &report of the run…", QKeySequence("Ctrl+Shift+S"),
                 "Write a folder with the run's tables, charts and a page that ties them together", [this] { writeReport(); });
  a.exportRows = makeAction("benchExportRows", "Export &figures as CSV…", QKeySequence("Ctrl+Shift+F"),
                            "Write the rows of the run, exact numbers", [this] { exportRows(); });
  a.copyCommand = makeAction("benchCopyCommand", "Cop&y the run's command", QKeySequence("Ctrl+Shift+K"),
                             "Copy the command line that measures the same again", [this] {
                               if (m_shown) QGuiApplication::clipboard()->setText(benchmarkCommand(*m_shown));
                             });
  a.comparePayloads =
      makeAction("benchComparePayloads", "Compare pay&loads…", QKeySequence("Ctrl+Shift+D"),
                 "Compare the open payload with another: codec, size and sparsity by tensor", [this] { comparePayloads(); });
  m_exportMenu = new QMenu(this);
  m_exportMenu->setObjectName("benchExportMenu");
  m_export = new QToolButton;
  m_export->setObjectName("benchExport");
  m_export->setText("Export");
  m_export->setAccessibleName("Export");
  m_export->setToolButtonStyle(Qt::ToolButtonTextOnly);
  m_export->setPopupMode(QToolButton::InstantPopup);
  m_export->setFocusPolicy(Qt::StrongFocus);
  m_export->setMenu(m_exportMenu);
  connect(m_exportMenu, &QMenu::aboutToShow, this, &BenchmarkPage::fillExportMenu);
}

PageActions BenchmarkPage::pageActions() const {
  const Actions& a = m_actions;
  PageActions actions;
  actions.file = QList<QAction*>{a.exportRows, a.report} + m_comparison->viewActions();
  actions.view = {a.pause, a.follow};
  actions.run = {a.run, a.cancel, a.copyCommand, a.comparePayloads};
  actions.run += m_runs->listActions();
  return actions;
}

void BenchmarkPage::resetLayout() {
  m_splitter->setSizes({steps(*this, 90), steps(*this, 60)});
  m_runs->resetLayout();
}

void BenchmarkPage::restoreState(const Settings& settings) {
  if (const QString json = settings.get(setting::kBenchForm); !json.isEmpty()) m_bar->setForm(benchmarkFormFromJson(json));
  if (const QByteArray state = settings.get(setting::kBenchSplitter); !state.isEmpty()) m_splitter->restoreState(state);
  m_runs->restoreState(settings);
}

void BenchmarkPage::saveState(Settings& settings) const {
  settings.set(setting::kBenchForm, toJson(m_bar->form()));
  settings.set(setting::kBenchSplitter, m_splitter->saveState());
  m_runs->saveState(settings);
}

}  // namespace deltascope::ui
