// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// One finished benchmark run in a folder that can be sent around.
#include <QDateTime>
#include <QStringList>
#include <filesystem>
#include <optional>

#include "core/base/job.h"
#include "core/bench/diff.h"
#include "ui/report/report.h"

namespace deltascope::ui {

struct RunReportRequest {
  BenchmarkRun run;
  std::optional<BenchmarkRun> baseline;  ///< to compare with
  double threshold = kDiffThreshold;     ///< of differences to it, as the comparison has it
  QStringList command;                   ///< what makes the figures again; empty: benchmarkCommand(run)
  std::filesystem::path out;             ///< a new folder, an empty one, or an earlier report, which is replaced
  QDateTime when = QDateTime::currentDateTime();
};

/// Writes run.json, figures.csv, rows.csv, memory.csv, with a baseline baseline.json and differences.csv too, PNG charts,
/// summary.json and index.html. The folder appears complete or not at all; a run that was cancelled or failed is reported as
/// far as it came. `bitExact` of what comes back: whether the run passed; empty when nothing was measured. Threads as
/// writeReport().
[[nodiscard]] Result<ReportFiles> writeRunReport(const RunReportRequest& request, const JobContext& job);

}  // namespace deltascope::ui
