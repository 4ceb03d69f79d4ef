// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/window/report.h"

#include <cstdio>

#include "app/cli/interrupt.h"
#include "app/cli/progress.h"
#include "core/bench/record.h"
#include "ui/report/report.h"
#include "ui/report/run_report.h"

namespace deltascope::window {

namespace {

/// A run's record; empty: PATH is a model.
Result<std::optional<BenchmarkRun>> runAt(const std::string& path) {
  std::error_code error;
  if (!path.ends_with(".json") || !std::filesystem::is_regular_file(path, error)) return std::nullopt;
  auto run = readRun(path);
  if (run) return std::optional(std::move(*run));
  if (run.error().code == ErrorCode::Unsupported) return std::nullopt;  // another file in JSON, an index of shards
  return tl::make_unexpected(run.error());
}

Result<ui::ReportFiles> reportOfRun(const Arguments& arguments, BenchmarkRun run, const JobContext& job) {
  ui::RunReportRequest request;
  request.run = std::move(run);
  request.out = arguments.reportOut;
  if (!arguments.baseline.empty()) {
    DELTASCOPE_ASSIGN(request.baseline, readRun(arguments.baseline));
  }
  return ui::writeRunReport(request, job);
}

Result<ui::ReportFiles> reportOfModel(const Arguments& arguments, const JobContext& job) {
  if (!arguments.baseline.empty())
    return fail(ErrorCode::InvalidArgument, "--baseline is for the report of a run, " + arguments.path + " is none",
                "run deltascope-cli bench --out RUN.json first, and give RUN.json");
  ui::ReportRequest request;
  request.path = arguments.path;
  request.base = arguments.base;
  request.final = arguments.final;
  request.out = arguments.reportOut;
  if (arguments.noBenchmarks || !arguments.benchmarks.empty()) request.benchmarks = arguments.benchmarks;
  if (!arguments.device.empty()) request.device = arguments.device;
  request.memoryBudget = arguments.memoryBudget;
  if (arguments.repeat) request.repeat = *arguments.repeat;
  return ui::writeReport(request, job);
}

Result<ui::ReportFiles> writeAny(const Arguments& arguments, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto run, runAt(arguments.path));
  return run ? reportOfRun(arguments, std::move(*run), job) : reportOfModel(arguments, job);
}

}  // namespace

int runReport(const Arguments& arguments) {
  const cli::Interrupt interrupt;
  cli::ProgressPrinter printer(false);
  JobContext job;
  job.stop = interrupt.token();
  job.progress = [&printer](const Progress& progress) { printer.show(progress); };
  const auto files = writeAny(arguments, job);
  printer.clear();
  if (!files) {
    std::fprintf(stderr, "deltascope: %s\n", describe(files.error()).c_str());
    return files.error().code == ErrorCode::Cancelled ? 130 : 3;
  }
  std::printf("%s\n", files->page.c_str());
  return files->bitExact.value_or(true) && files->benchmarksPassed ? 0 : 1;
}

}  // namespace deltascope::window
