// SPDX-License-Identifier: GPL-3.0-or-later
// The part of BenchmarkPage that writes files.
#include <QAction>
#include <QDir>
#include <QFileInfo>
#include <QMenu>

#include "core/bench/record.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/export/files.h"
#include "ui/export/picture.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/written.h"
#include "ui/history/run_list_view.h"
#include "ui/report/run_report.h"
#include "ui/report/run_words.h"

namespace deltascope::ui {
QString BenchmarkPage::runName() const {
  const QString model = modelName(QString::fromStdString(m_shown->path)), name = QString::fromStdString(m_shown->name);
  return fileNameOf(model + '-' + (name.isEmpty() ? QString("benchmark") : name));
}

QString BenchmarkPage::suggestedPath(const QString& name) const {
  const QString folder = m_services.settings->get(setting::kExportFolder);
  return QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath(fileNameOf(name));
}

void BenchmarkPage::exported(const QString& path) {
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
  emit messageRaised(writtenMessage("Exported", path, *m_services.dialogs, this));
}

void BenchmarkPage::fillExportMenu() {
  m_exportMenu->clear();
  m_exportMenu->addAction(m_actions.exportRows);
  m_exportMenu->addSeparator();
  const auto charts = m_live->charts();
  for (const RunChart& chart : charts) {
    QAction* action = m_exportMenu->addAction(chart.title + " …");
    action->setObjectName("benchExportChart_" + chart.id);
    action->setEnabled(m_shown.has_value());
    connect(action, &QAction::triggered, this, [this, chart] { exportChart(chart); });
  }
  if (charts.isEmpty()) m_exportMenu->addAction("Charts of a run: none is shown")->setEnabled(false);
  m_exportMenu->addSeparator();
  m_exportMenu->addAction(m_actions.report);
}

void BenchmarkPage::exportRows() {
  if (!m_shown) return;
  QString path =
      m_services.dialogs->saveFile(this, "Export the run's figures", suggestedPath(runName() + ".csv"), "CSV table (*.csv)");
  if (path.isEmpty()) return;
  path = withSuffix(path, "csv");
  if (const auto written = writeWhole(path, QByteArray::fromStdString(toCsv(*m_shown))); !written)
    emit messageRaised(errorMessage("Exporting the figures", written.error()));
  else
    exported(path);
}

void BenchmarkPage::exportChart(const RunChart& chart) {
  if (!m_shown) return;
  QString path = m_services.dialogs->saveFile(this, "Export " + chart.title, suggestedPath(runName() + '-' + chart.id + ".png"),
                                              "PNG picture (*.png);;SVG picture (*.svg);;PDF document (*.pdf)");
  if (path.isEmpty()) return;
  path = withSuffix(path, "png");
  const Caption caption{chart.title, runVerdict(*m_shown), sourceLine(runName(), m_clock())};
  if (const auto written = writeChart(chart.chart, caption, path); !written)
    emit messageRaised(errorMessage("Exporting the chart", written.error()));
  else
    exported(path);
}

void BenchmarkPage::writeReport() {
  if (!m_shown) return;
  const QString path = m_services.dialogs->saveFile(this, "Write report into a new folder",
                                                    suggestedPath(runName() + "-report"), "Report folder (*)");
  if (path.isEmpty()) return;
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
  RunReportRequest request;
  request.run = *m_shown;
  request.out = std::filesystem::path(path.toStdU16String());
  request.when = m_clock();
  request.threshold = m_services.settings->get(setting::kCompareThreshold) / 100;
  const QString baseline = m_runs->baselineFile();
  if (baseline.isEmpty()) return startReport(request);
  m_runs->readRuns({baseline}, [this, request](const Result<std::vector<BenchmarkRun>>& runs) mutable {
    if (!runs) {
      emit messageRaised(errorMessage("The baseline", runs.error()));
      return;
    }
    if (runs->front().created != request.run.created) request.baseline = runs->front();
    startReport(request);
  });
}

void BenchmarkPage::startReport(const RunReportRequest& request) {
  JobSpec spec;
  spec.title = "Report of " + runTitle(request.run);
  spec.kind = "report";
  spec.result = QString::fromStdString(request.out.string());
  m_services.jobs->start(
      spec, [request](const JobContext& job) { return writeRunReport(request, job); }, this,
      [this](Result<ReportFiles>& result) {
        if (!result) {
          emit messageRaised(errorMessage("Report", result.error()));
          return;
        }
        emit messageRaised(
            writtenMessage("Report written:", QString::fromStdString(result->page.string()), *m_services.dialogs, this));
      });
}

}  // namespace deltascope::ui
