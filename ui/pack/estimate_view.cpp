// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/pack/estimate_view.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QProgressBar>
#include <QPushButton>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"
#include "ui/frame/text.h"
#include "ui/jobs/batcher.h"
#include "ui/pack/estimate_model.h"

namespace deltascope::ui {
namespace {

constexpr int kDebounceMs = 400;

}  // namespace

EstimateView::EstimateView(const PageServices& services, QWidget* parent) : QWidget(parent), m_services(services) {
  setObjectName("estimateView");
  m_model = new EstimateModel(this);
  m_summary = new TextLabel(TextKind::Body);
  m_summary->setObjectName("estimateSummary");
  m_summary->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_note = new TextLabel(
      TextKind::Muted,
      "From samples of every tensor; nothing is written. With codec auto each tensor gets the codec that stores it "
      "smallest, or with “fastest” the fastest within 10 % of that.");
  m_table = new QTableView;
  m_table->setObjectName("estimateTable");
  m_table->setAccessibleName("Estimate by codec");
  m_table->setModel(m_model);
  m_table->setShowGrid(false);
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setTabKeyNavigation(false);
  m_table->verticalHeader()->hide();
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  m_table->horizontalHeader()->setSectionResizeMode(EstimateModel::Codec, QHeaderView::Stretch);
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  m_bar = new QProgressBar;
  m_bar->setObjectName("estimateProgress");
  m_bar->setAccessibleName("Progress of the estimate");
  m_bar->setTextVisible(false);
  m_bar->setMaximumHeight(steps(*this, 2));
  m_button = new QPushButton;
  m_button->setObjectName("estimateButton");
  m_button->setAutoDefault(false);
  auto* line = new QHBoxLayout;
  line->addWidget(m_button);
  line->addWidget(m_bar, 1);
  line->addStretch();
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(new TextLabel(TextKind::Heading, "Estimate"));
  layout->addWidget(m_summary);
  layout->addWidget(m_table, 1);
  layout->addWidget(m_note);
  layout->addLayout(line);
  layout->addStretch(0);  // takes the table's room while it is hidden

  m_debounce = new QTimer(this);
  m_debounce->setSingleShot(true);
  m_debounce->setInterval(kDebounceMs);
  connect(m_debounce, &QTimer::timeout, this, &EstimateView::estimateNow);
  connect(m_button, &QPushButton::clicked, this, [this] { running() ? cancel() : estimateNow(); });
  showState("Choose the inputs to see what packing would give.", false);
}

void EstimateView::setForm(const PackForm& form) {
  PackForm relevant = form;  // where it goes and with how many threads changes nothing of the estimate
  relevant.out.clear();
  relevant.overwrite = false;
  relevant.threads = 0;
  const bool possible = canEstimate(relevant);
  if (relevant == m_form && possible == m_possible) return;
  m_form = relevant;
  m_possible = possible;
  m_done = false;
  m_services.jobs->cancel(std::exchange(m_job, 0));
  if (possible)
    m_debounce->start();
  else
    m_debounce->stop();
  showState(possible ? "Estimating" : "Choose the inputs to see what packing would give.", possible);
}

void EstimateView::estimateNow() {
  m_debounce->stop();
  if (!m_possible || running()) return;
  const Batcher<Progress> progress([this](std::vector<Progress>&& batch) {
    const Progress& last = batch.back();
    if (!running() || last.tensorsTotal == 0) return;
    m_bar->setRange(0, static_cast<int>(last.tensorsTotal));
    m_bar->setValue(static_cast<int>(last.tensorsDone));
  });
  const auto number = std::make_shared<JobId>(0);
  *number = m_job = m_services.jobs->start(
      JobSpec{.title = "Estimate", .kind = "estimate", .lane = JobLane::Background, .result = {}},
      [estimate = m_services.engine->estimatePack, request = requestOf(m_form), progress](const JobScope& scope) {
        JobContext job = scope;
        job.progress = [&progress, &scope](const Progress& p) { progress.add(scope, p); };
        return estimate(request, job);
      },
      this,
      [this, number](Result<PackEstimate>& result) {
        if (*number != m_job) return;
        m_job = 0;
        if (result) {
          m_done = true;
          m_model->setEstimate(*result);
          showState(estimateSummary(*result, m_form.mode == PackMode::Quantize), false);
        } else if (result.error().code == ErrorCode::Cancelled) {
          showState("The estimate was cancelled.", false);
        } else {
          showState("✕ " + QString::fromStdString(describe(result.error())), false);
        }
      });
  showState("Estimating", true);
}

void EstimateView::cancel() {
  m_services.jobs->cancel(std::exchange(m_job, 0));
  showState("The estimate was cancelled.", false);
}

void EstimateView::showState(const QString& text, bool busy) {
  m_summary->setText(text);
  m_table->setVisible(m_done);
  m_note->setVisible(m_done);
  m_bar->setVisible(busy);
  m_bar->setRange(0, 0);
  m_button->setText(busy ? "Cancel esti&mate" : "Esti&mate again");
  m_button->setToolTip(busy ? "Stop estimating" : "Sample the tensors again");
  m_button->setVisible(busy || m_possible);
}

}  // namespace deltascope::ui
