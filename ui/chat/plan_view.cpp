// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/plan_view.h"

#include <QDir>
#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QPushButton>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>

#include "core/base/units.h"
#include "ui/chat/plan_model.h"
#include "ui/chat/run_settings.h"
#include "ui/export/files.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/metrics.h"
#include "ui/frame/settings.h"
#include "ui/frame/text.h"
#include "ui/frame/written.h"

namespace deltascope::ui {
namespace {

constexpr int kDebounceMs = 300;

}  // namespace

PlanView::PlanView(const PageServices& services, QWidget* parent) : QWidget(parent), m_services(services) {
  setObjectName("chatPlan");
  m_summary = new TextLabel(TextKind::Body);
  m_summary->setObjectName("chatPlanSummary");
  m_summary->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_problem = new TextLabel(TextKind::Problem);
  m_problem->setObjectName("chatPlanProblem");
  m_problem->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_partsBox = new QWidget;
  m_parts = new QGridLayout(m_partsBox);
  m_parts->setContentsMargins(0, 0, 0, 0);
  m_parts->setVerticalSpacing(steps(*this, 0.5));
  m_parts->setColumnStretch(0, 1);
  m_model = new PlanModel(this);
  auto* sorted = new QSortFilterProxyModel(this);
  sorted->setSourceModel(m_model);
  sorted->setSortRole(PlanModel::kSortRole);
  m_table = new QTableView;
  m_table->setObjectName("chatPlanTable");
  m_table->setAccessibleName("Tensors and where they are");
  m_table->setModel(sorted);
  m_table->setSortingEnabled(true);
  m_table->horizontalHeader()->setSortIndicatorClearable(true);
  m_table->sortByColumn(-1, Qt::AscendingOrder);
  m_table->setShowGrid(false);
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setTabKeyNavigation(false);
  m_table->setTextElideMode(Qt::ElideLeft);
  m_table->setWordWrap(false);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  m_table->horizontalHeader()->setHighlightSections(false);
  m_export = new QPushButton("Export plan…");
  m_export->setObjectName("chatPlanExport");
  m_export->setToolTip("Write the table as CSV");
  m_export->setAutoDefault(false);
  connect(m_export, &QPushButton::clicked, this, &PlanView::exportCsv);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 3), steps(*this, 3), steps(*this, 3), steps(*this, 2));
  layout->addWidget(m_summary);
  layout->addWidget(m_problem);
  layout->addWidget(m_partsBox);
  layout->addWidget(m_table, 1);
  layout->addWidget(m_export, 0, Qt::AlignLeft);
  layout->addStretch(0);
  m_debounce = new QTimer(this);
  m_debounce->setSingleShot(true);
  m_debounce->setInterval(kDebounceMs);
  connect(m_debounce, &QTimer::timeout, this, &PlanView::plan);
  showState({}, {});
}

bool PlanView::hasPlan() const { return m_model->rowCount() > 0; }

void PlanView::setRequest(const std::optional<LoadRequest>& request, const QString& label, const QString& why) {
  const bool same = request && m_request && sameRequest(*request, *m_request) && label == m_label;
  if (same) return;
  m_request = request;
  m_label = label;
  m_services.jobs->cancel(std::exchange(m_job, 0));
  m_model->setPlan({});
  if (request)
    m_debounce->start();
  else
    m_debounce->stop();
  showState(request ? QString("Planning") : why, {});
}

void PlanView::plan() {
  if (!m_request) return;
  const auto number = std::make_shared<JobId>(0);
  *number = m_job = m_services.jobs->start(
      JobSpec{.title = "Plan", .kind = "plan", .lane = JobLane::Background, .result = {}},
      [planCall = m_services.engine->planModel, request = *m_request](const JobContext&) { return planCall(request); }, this,
      [this, number](Result<MemoryPlan>& plan) {
        if (*number != m_job) return;
        m_job = 0;
        if (!plan) {
          showState({}, QString::fromStdString(describe(plan.error())));
          emit refused(plan.error());
          return;
        }
        m_model->setPlan(*plan);
        showState(m_label + ". " + planSummary(*plan), {});
        emit planned(*plan);
      });
}

void PlanView::showState(const QString& words, const QString& problem) {
  m_summary->setText(words);
  m_summary->setVisible(!words.isEmpty());
  m_problem->setText(problem.isEmpty() ? QString() : "✕ " + problem);
  m_problem->setVisible(!problem.isEmpty());
  while (QLayoutItem* item = m_parts->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  m_table->setVisible(hasPlan());
  m_export->setVisible(hasPlan());
  m_partsBox->setVisible(hasPlan());
  if (!hasPlan()) return;
  const MemoryPlan& plan = m_model->plan();
  int row = 0;
  const auto add = [&](const PlanPart& part, TextKind kind) {
    auto* name = new TextLabel(kind, part.name);
    auto* size = new TextLabel(kind, QString::fromStdString(formatGib(part.bytes)));
    size->setAlignment(Qt::AlignRight);
    name->setToolTip(part.tip);
    size->setToolTip(QString::fromStdString(formatCount(part.bytes)) + " bytes");
    m_parts->addWidget(name, row, 0);
    m_parts->addWidget(size, row++, 1);
  };
  for (const PlanPart& part : partsOf(plan)) add(part, TextKind::Muted);
  add({"Expected peak", plan.expectedPeak,
       "Weights and the larger of what loading and answering take beside them; never above the budget"},
      TextKind::Body);
  add({"Smallest budget that works", plan.smallestBudget, "With this context length"}, TextKind::Muted);
  auto* header = m_table->horizontalHeader();
  header->setSectionResizeMode(QHeaderView::ResizeToContents);
  header->setSectionResizeMode(PlanModel::Tensor, QHeaderView::Interactive);
  header->resizeSection(PlanModel::Tensor, characters(*this, 26));
}

void PlanView::exportCsv() {
  if (!hasPlan()) return;
  const QString folder = m_services.settings->get(setting::kExportFolder);
  QString path = m_services.dialogs->saveFile(
      this, "Export memory plan",
      QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath(fileNameOf("memory plan " + m_label) + ".csv"),
      "CSV table (*.csv)");
  if (path.isEmpty()) return;
  if (QFileInfo(path).suffix().isEmpty()) path += ".csv";
  const auto written = writeWhole(path, planToCsv(m_model->plan()));
  if (!written) return emit messageRaised(errorMessage("Exporting the memory plan", written.error()));
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
  emit messageRaised(writtenMessage("Exported", path, *m_services.dialogs, this));
}

}  // namespace deltascope::ui
