// SPDX-License-Identifier: GPL-3.0-or-later
// The part of PayloadPage that writes files.
#include <QAction>
#include <QComboBox>
#include <QDir>
#include <QFileInfo>
#include <QMenu>

#include "ui/charts/heat_map_view.h"
#include "ui/export/files.h"
#include "ui/export/picture.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/frame/written.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/payload_page.h"
#include "ui/payload/tensor_detail.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"
#include "ui/report/report.h"

namespace deltascope::ui {
QString PayloadPage::modelName() const {
  QString path = QString::fromStdString(m_openModel->files.path.generic_string());
  while (path.size() > 1 && path.endsWith(u'/')) path.chop(1);
  return QFileInfo(path).fileName();
}

QString PayloadPage::suggestedPath(const QString& name) const {
  const QString folder = m_services.settings->get(setting::kExportFolder);
  return QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath(fileNameOf(name));
}

void PayloadPage::rememberExportFolder(const QString& path) {
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
}

Caption PayloadPage::captionOf(const QString& title, const QString& subtitle) const {
  return {title, subtitle, sourceLine(modelName(), m_clock())};
}

void PayloadPage::exported(const QString& path) {
  emit messageRaised(writtenMessage(tr("Exported"), path, *m_services.dialogs, this));
}

void PayloadPage::fillExportMenu() {
  m_exportMenu->clear();
  m_exportMenu->addAction(m_exportTable);
  m_exportMenu->addAction(m_exportHeatMap);
  m_exportMenu->addSeparator();
  const auto charts = m_detail->charts();
  for (const auto& named : charts) {
    auto* action = m_exportMenu->addAction(tr("%1 …").arg(named.title));
    action->setObjectName(QStringLiteral("exportChart_") + named.id);
    connect(action, &QAction::triggered, this, [this, named] {
      exportChart(named.chart, named.title, m_detail->subtitle(),
                  modelName() + u'-' + m_detail->tensorName() + u'-' + named.id);
    });
  }
  if (charts.isEmpty()) {
    auto* none = m_exportMenu->addAction(tr("Charts of a tensor: choose one first"));
    none->setEnabled(false);
  }
  m_exportMenu->addSeparator();
  m_exportMenu->addAction(m_report);
}

void PayloadPage::exportTable() {
  if (!m_openModel) return;
  QString path = m_services.dialogs->saveFile(
      this, tr("Export table"), suggestedPath(modelName() + QStringLiteral("-tensors.csv")), tr("CSV table (*.csv)"));
  if (path.isEmpty()) return;
  path = withSuffix(path, QStringLiteral("csv"));
  // In the payload's own order unless the table was sorted by something else.
  std::vector<int> shown = m_filter->shownTensors();
  if (m_filter->sortColumn() == static_cast<int>(Column::Name) && m_filter->sortOrder() == Qt::AscendingOrder)
    std::sort(shown.begin(), shown.end());
  std::vector<TensorStats> rows;
  std::map<std::string, Verdict> verdicts;
  for (const int tensor : shown) {
    rows.push_back(m_model->tensors()[static_cast<std::size_t>(tensor)]);
    const TensorVerdict& known = m_model->verdict(tensor);
    if (known.state == VerdictState::Exact || known.state == VerdictState::Different)
      verdicts[rows.back().name] = known.verdict;
  }
  const auto written = writeWhole(path, QByteArray::fromStdString(toCsv(rows, verdicts)));
  if (!written) {
    emit messageRaised(errorMessage(tr("Exporting the table"), written.error()));
    return;
  }
  rememberExportFolder(path);
  exported(path);
}

void PayloadPage::exportHeatMap() {
  if (!m_openModel) return;
  exportChart(m_heatMap->chart(), tr("%1 by layer and kind").arg(m_metric->currentText()), summaryText(*m_openModel),
              modelName() + QStringLiteral("-heat-map"));
}

void PayloadPage::exportChart(const Chart& chart, const QString& title, const QString& subtitle, const QString& suggested) {
  QString path =
      m_services.dialogs->saveFile(this, tr("Export %1").arg(title), suggestedPath(suggested + QStringLiteral(".png")),
                                   tr("PNG picture (*.png);;SVG picture (*.svg);;PDF document (*.pdf)"));
  if (path.isEmpty()) return;
  path = withSuffix(path, QStringLiteral("png"));
  QString headline = title;
  headline[0] = headline[0].toUpper();
  const auto written = writeChart(chart, captionOf(headline, subtitle), path);
  if (!written) {
    emit messageRaised(errorMessage(tr("Exporting %1").arg(title), written.error()));
    return;
  }
  rememberExportFolder(path);
  exported(path);
}

void PayloadPage::writeReportFolder() {
  if (!m_openModel) return;
  const QString path =
      m_services.dialogs->saveFile(this, tr("Write report into a new folder"),
                                   suggestedPath(modelName() + QStringLiteral("-report")), tr("Report folder (*)"));
  if (path.isEmpty()) return;
  rememberExportFolder(path);
  ReportRequest request;
  request.engine = *m_services.engine;
  request.path = m_openModel->files.path;
  request.base = m_openModel->files.base;
  request.out = std::filesystem::path(path.toStdU16String());
  request.when = m_clock();
  JobSpec spec;
  spec.title = tr("Report of %1").arg(modelName());
  spec.kind = QStringLiteral("report");
  spec.result = path;
  m_services.jobs->start(
      spec, [request](const JobContext& job) { return writeReport(request, job); }, this,
      [this, path](Result<ReportFiles>& result) {
        if (!result) {
          emit messageRaised(errorMessage(tr("Report"), result.error()));
          return;
        }
        Message message =
            writtenMessage(tr("Report written:"), QString::fromStdString(result->page.string()), *m_services.dialogs, this);
        if (!result->bitExact.value_or(true)) message.severity = Message::Severity::Warning;
        if (!result->bitExact.value_or(true))
          message.nextStep = tr("The model is not bit-exact: the report says which tensors differ.");
        emit messageRaised(message);
      });
}

}  // namespace deltascope::ui
