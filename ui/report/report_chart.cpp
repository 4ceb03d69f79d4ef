// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/report_chart.h"

namespace deltascope::ui {

Result<void> drawInto(ReportFolder& folder, QList<ReportChart>& charts, const JobContext& job) {
  for (auto& chart : charts) {
    DELTASCOPE_TRY(unlessStopped(job));
    sayPhase(job, "drawing");
    DELTASCOPE_ASSIGN(const QImage image, renderChartAnywhere(chart.chart, chart.caption, 2, job.stop));
    chart.png = pngBytes(image);
    chart.size = pictureSize(chart.chart);
    DELTASCOPE_TRY(folder.write(chart.file, chart.png));
  }
  return {};
}

Result<void> unlessStopped(const JobContext& job) {
  if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
  return {};
}

void sayPhase(const JobContext& job, const std::string& phase, const std::string& tensor) {
  if (!job.progress) return;
  Progress progress;
  progress.phase = phase;
  progress.tensor = tensor;
  job.progress(progress);
}

}  // namespace deltascope::ui
