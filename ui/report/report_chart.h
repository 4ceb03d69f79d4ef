// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/report: charts on their way into a folder and a page.
#include <QByteArray>
#include <QList>

#include "core/base/job.h"
#include "ui/export/picture.h"
#include "ui/report/report_folder.h"

namespace deltascope::ui {

/// A chart with its file name (without folder) and the words above it.
struct ReportChart {
  QString file;  ///< "heat-map-bits-per-weight.png"
  Caption caption;
  Chart chart;
  QByteArray png;  ///< filled when it is drawn
  QSize size;      ///< logical pixels
};

/// Draws each into its `png` and the folder. Cancelled between charts.
[[nodiscard]] Result<void> drawInto(ReportFolder& folder, QList<ReportChart>& charts, const JobContext& job);
/// Cancelled, if the job was asked to stop.
[[nodiscard]] Result<void> unlessStopped(const JobContext& job);
void sayPhase(const JobContext& job, const std::string& phase, const std::string& tensor = {});

}  // namespace deltascope::ui
