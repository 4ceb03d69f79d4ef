// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/benchmark/benchmark_page.h"

#include <QCoreApplication>
#include <QEvent>
#include <QHeaderView>
#include <QLabel>
#include <QTabWidget>
#include <QTableView>
#include <chrono>

#include "core/bench/run_words.h"
#include "ui/benchmark/benchmark_bar.h"
#include "ui/benchmark/run_rows_model.h"
#include "ui/compare/comparison_view.h"
#include "ui/export/files.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/theme.h"
#include "ui/history/run_list_view.h"
#include "ui/jobs/batcher.h"
#include "ui/jobs/job_text.h"
#include "ui/jobs/quiet_moment.h"
#include "ui/payload/facts_view.h"
#include "ui/report/run_command.h"
#include "ui/report/run_section.h"
#include "ui/report/run_words.h"

namespace deltascope::ui {
namespace {

using namespace std::chrono_literals;
constexpr auto kLongestAge = 250ms;  // of the charts while a run goes on
constexpr int kTickMs = 50;

QString nameOfModel(const Inspection& model) { return modelName(QString::fromStdString(model.files.path.string())); }

}  // namespace

void BenchmarkPage::connectParts() {
  connect(m_bar, &BenchmarkBar::runRequested, this, &BenchmarkPage::run);
  connect(m_bar, &BenchmarkBar::cancelRequested, this, &BenchmarkPage::cancel);
  connect(m_bar, &BenchmarkBar::demoRequested, this, &BenchmarkPage::demoBenchmarkRequested);
  connect(m_bar, &BenchmarkBar::changed, this, &BenchmarkPage::updateState);
  connect(m_runs, &RunListView::runActivated, this, &BenchmarkPage::showFile);
  connect(m_runs, &RunListView::compareRequested, this, &BenchmarkPage::compare);
  connect(m_runs, &RunListView::messageRaised, this, &Page::messageRaised);
  connect(m_comparison, &ComparisonView::messageRaised, this, &Page::messageRaised);
  connect(&m_tick, &QTimer::timeout, this, [this] {
    if (m_drawWhenDue) m_drawWhenDue();
  });
  connect(m_services.jobs, &JobRunner::changed, this, &BenchmarkPage::follow);
  connect(m_comparison, &ComparisonView::thresholdChanged, m_runs, &RunListView::setThreshold);
  m_runs->setThreshold(m_services.settings->get(setting::kCompareThreshold) / 100);
  connect(m_rows, &QAbstractItemModel::modelReset, this, &BenchmarkPage::hideEmptyColumns);
}

QWidget* BenchmarkPage::firstFocus() const { return m_bar->firstFocus(); }
BenchmarkForm BenchmarkPage::form() const { return m_bar->form(); }
void BenchmarkPage::setForm(const BenchmarkForm& form) { m_bar->setForm(form); }
void BenchmarkPage::setDevices(const std::vector<kernels::DeviceInfo>& devices) { m_bar->setDevices(devices); }

void BenchmarkPage::openModel(const ModelPointer& model) {
  m_model = model;
  updateState();
}

void BenchmarkPage::closeModel() {
  m_model.reset();
  updateState();
}

void BenchmarkPage::updateState() {
  QString blocked;
  if (!m_model)
    blocked = "Open a model to measure it, or try the demo; runs that were recorded are listed below.";
  else if (m_model->files.kind == ModelFiles::Kind::Scripts)
    blocked = "What the old scripts wrote cannot run as it is; convert it first.";
  else if (m_model->files.kind == ModelFiles::Kind::Payload && m_model->files.base.empty())
    blocked = "The payload's base is not known; give it first (Ctrl+B).";
  m_bar->setState(running(), m_cancelling, blocked, !m_model);
  m_actions.run->setEnabled(m_bar->canRun());
  m_actions.cancel->setEnabled(running() && !m_cancelling);
  m_actions.pause->setEnabled(running());
  m_actions.report->setEnabled(m_shown && !running());
  m_actions.exportRows->setEnabled(m_shown.has_value());
  m_actions.copyCommand->setEnabled(m_shown.has_value());
  m_actions.comparePayloads->setEnabled(m_model && m_model->files.kind != ModelFiles::Kind::Checkpoint &&
                                        m_model->files.kind != ModelFiles::Kind::Scripts);
}

void BenchmarkPage::run() {
  if (!m_bar->canRun()) return;
  emit workBegan();
  const BenchmarkForm form = m_bar->form();
  BenchmarkRequest request = requestOf(form, *m_model);
  const QString model = nameOfModel(*m_model);
  request.name = labelOf(form.what).toStdString();
  QString file;  // empty: the run is kept in memory
  if (!m_runs->folder().isEmpty()) {
    if (const auto fresh = m_runs->newRunFile(fileNameOf(model + u'-' + labelOf(form.what)))) {
      file = *fresh;
      request.out = std::filesystem::path(m_runs->pathOf(file).toStdU16String());
    } else {
      Message message = errorMessage("The run will be kept until the window closes, not in a file", fresh.error());
      message.severity = Message::Severity::Warning;
      emit messageRaised(message);
    }
  }
  m_shown.reset();
  m_rows->clear();
  showHead(QString("… measuring %1: %2").arg(model, summaryOf(form)), std::nullopt);
  m_facts->setFacts({});
  m_live->begin(request.model.memoryBudget.value_or(0), !request.tensors.empty(), request.generate > 0);
  m_tabs->setCurrentWidget(m_live);
  const Batcher<RunEvent> events([this](std::vector<RunEvent>&& batch) {
    m_live->take(batch);
    std::vector<RunRowsModel::Row> rows;
    for (RunEvent& event : batch)
      if (auto* row = std::get_if<RunRow>(&event)) rows.push_back({std::move(row->row), row->baseline});
    m_rows->add(std::move(rows));
    hideEmptyColumns();
  });
  const QuietMoment quiet([this, events] {
    events.fetch();
    m_live->drawNow();
    // Painted before the run goes on.
    QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
    QCoreApplication::sendPostedEvents(window(), QEvent::UpdateRequest);
  });
  m_drawWhenDue = [quiet] {
    if (quiet.age() >= kLongestAge) quiet.draw();
  };
  m_tick.start(kTickMs);
  JobSpec spec;
  spec.title = QString("Benchmark %1: %2").arg(model, summaryOf(form));
  spec.kind = "benchmark";
  m_job = m_services.jobs->start(
      spec,
      [benchmark = m_services.engine->benchmark, request, events, quiet](const JobScope& scope) {
        BenchmarkHooks hooks;
        hooks.onPause = [&] { quiet.offer(scope); };
        hooks.onChosen = [&](std::span<const std::string> tensors) {
          events.keep(RunTensors{{tensors.begin(), tensors.end()}});
        };
        hooks.onMemory = [&](const BenchmarkMemory& memory) { events.keep(memory); };
        hooks.onLatency = [&](std::string_view tensor, std::string_view mode, double milliseconds) {
          events.keep(RunLatency{std::string(tensor), std::string(mode), milliseconds});
        };
        hooks.onToken = [&](double seconds, double perSecond) { events.keep(RunSpeed{seconds, perSecond}); };
        hooks.onRow = [&](const BenchmarkRow& row, bool baseline) {
          events.keep(RunRow{row, baseline});
          if (!row.bitExact && !baseline)
            scope.log(QString::fromStdString(row.tensor + ", " + row.mode) + ": " + rowVerdict(row));
        };
        return benchmark(request, scope, hooks);
      },
      this,
      [this, file, events](Result<BenchmarkRun>& result) {
        m_tick.stop();
        m_drawWhenDue = {};
        events.fetch();
        finished(result, file);
      });
  follow(m_job);
  updateState();
}

/// What the job does, beside the charts.
void BenchmarkPage::follow(JobId id) {
  if (id != m_job || id == 0) return;
  const auto job = m_services.jobs->job(id);
  if (!job) return;
  QStringList words{summaryText(*job)};
  if (job->state == JobState::Running && !job->progress.tensor.empty()) words << QString::fromStdString(job->progress.tensor);
  m_live->setState(words.join("  ·  "));
}

void BenchmarkPage::cancel() {
  if (!running()) return;
  m_cancelling = true;
  m_services.jobs->cancel(m_job);
  updateState();
}

void BenchmarkPage::finished(const Result<BenchmarkRun>& result, const QString& file) {
  m_job = 0;
  m_cancelling = false;
  if (!file.isEmpty()) m_runs->runFinished(file);
  if (!result) {
    m_live->clear();
    showHead(result.error().code == ErrorCode::Cancelled ? QString("– cancelled before anything was measured")
                                                         : "✕ " + QString::fromStdString(result.error().message),
             result.error().code == ErrorCode::Cancelled ? std::nullopt : std::optional(false));
    if (result.error().code == ErrorCode::Cancelled) {
      Message message;
      message.text = "The benchmark was cancelled before anything was measured";
      emit messageRaised(message);
    } else {
      emit messageRaised(errorMessage("Benchmark", result.error()));
    }
    updateState();
    return;
  }
  if (file.isEmpty()) m_runs->keepRun(*result);
  emit measured(*result);
  showRun(*result, true);
  Message message;
  message.text = QString("%1: %2").arg(runTitle(*result), QString::fromStdString(shortVerdict(*result)));
  switch (result->state) {
    case BenchmarkState::Failed:
      message.severity = Message::Severity::Error;
      message.text = "The benchmark failed: " + QString::fromStdString(result->reason);
      message.nextStep = "What was measured before is kept.";
      break;
    case BenchmarkState::Cancelled:
      message.severity = Message::Severity::Info;
      message.text = "The benchmark was cancelled, so the run is partial; what was measured is kept";
      break;
    default:
      message.severity = result->passed() ? Message::Severity::Success : Message::Severity::Warning;
      if (result->rows.empty() && !result->skipped.empty())
        message.text = "Nothing was measured: " + QString::fromStdString(result->skipped.back().reason);
  }
  if (!result->rows.empty()) {
    message.actionText = "Save re&port…";
    message.action = [this] { writeReport(); };
    message.stays = true;
  }
  emit messageRaised(message);
  updateState();
}

void BenchmarkPage::showRun(const BenchmarkRun& run, bool keepLive) {
  m_shown = run;
  m_rows->setRun(run);
  showHead(runVerdict(run), runPassed(run));
  auto facts = runFacts(run);
  facts << QPair{QString("The same again"), benchmarkCommand(run)};
  m_facts->setFacts(facts);
  if (keepLive)
    m_live->end(run);
  else
    m_live->showRun(run);
  updateState();
}

/// The line above everything that is shown of a run.
void BenchmarkPage::showHead(const QString& text, std::optional<bool> good) {
  m_summary->setText(text);
  m_headGood = good;
  const ThemeColors& colors = colorsOf(palette());
  QPalette ink = m_summary->palette();
  ink.setColor(QPalette::WindowText, !good ? colors.text : *good ? colors.good : colors.bad);
  if (ink != m_summary->palette()) m_summary->setPalette(ink);
}

void BenchmarkPage::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange && m_summary) showHead(m_summary->text(), m_headGood);
  Page::changeEvent(event);
}

void BenchmarkPage::showFile(const QString& file) {
  if (running()) {
    Message message;
    message.text = "A benchmark is running: its charts stay in view until it ends";
    emit messageRaised(message);
    return;
  }
  m_runs->readRuns({file}, [this](const Result<std::vector<BenchmarkRun>>& runs) {
    if (!runs) {
      emit messageRaised(errorMessage("The run", runs.error()));
      return;
    }
    if (running()) return;
    showRun(runs->front(), false);
    if (m_tabs->currentWidget() == m_comparison) m_tabs->setCurrentWidget(m_live);
  });
}

void BenchmarkPage::compare(const QStringList& files) {
  m_runs->readRuns(files, [this](const Result<std::vector<BenchmarkRun>>& runs) {
    if (!runs) {
      emit messageRaised(errorMessage("Comparing runs", runs.error()));
      return;
    }
    std::vector<NamedRun> named;
    for (const BenchmarkRun& run : *runs)
      named.push_back(
          {QString("%1, %2").arg(runTitle(run), QString::fromStdString(run.created).replace('T', ' ').remove('Z')), run});
    m_comparison->showRuns(std::move(named));
    m_tabs->setCurrentWidget(m_comparison);
  });
}

void BenchmarkPage::comparePayloads() {
  const QString from = m_services.settings->get(setting::kOpenFolder);
  const QString path =
      m_services.dialogs->openFile(this, "Compare with another payload", from, "Payloads (*.delta.safetensors);;All files (*)");
  if (path.isEmpty()) return;
  JobSpec spec;
  spec.title = "Compare payloads";
  spec.kind = "compare";
  spec.lane = JobLane::Background;
  m_services.jobs->start(
      spec,
      [inspect = m_services.engine->inspect, path](const JobContext&) {
        return inspect(std::filesystem::path(path.toStdU16String()), {});
      },
      this,
      [this, path](Result<Inspection>& other) {
        if (!other) {
          emit messageRaised(errorMessage("Comparing payloads", other.error()));
          return;
        }
        if (!m_model) return;
        m_comparison->showPayloads({nameOfModel(*m_model), m_model->tensors}, {modelName(path), other->tensors});
        m_tabs->setCurrentWidget(m_comparison);
      });
}

void BenchmarkPage::openRunFile(const QString& path) { m_runs->addFile(path); }

/// Sizes follow when a column comes or goes, not with every row: that takes longer than drawing the charts.
void BenchmarkPage::hideEmptyColumns() {
  bool other = false;
  for (int column = 0; column < RunRowsModel::ColumnCount; ++column) {
    const bool figures = column >= RunRowsModel::Size && column <= RunRowsModel::Norm;
    const bool hidden = figures && !m_rows->hasFigures(static_cast<RunRowsModel::Column>(column));
    if (hidden == m_table->isColumnHidden(column)) continue;
    m_table->setColumnHidden(column, hidden);
    other = true;
  }
  if (other || !running()) m_table->resizeColumnsToContents();
}

}  // namespace deltascope::ui
