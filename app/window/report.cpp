// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/window/report.h"

#include <cstdio>

#include "app/cli/interrupt.h"
#include "app/cli/progress.h"
#include "ui/report/report.h"

namespace deltascope::window {

int runReport(const Arguments& arguments) {
  const cli::Interrupt interrupt;
  cli::ProgressPrinter printer(false);
  ui::ReportRequest request;
  request.path = arguments.path;
  request.base = arguments.base;
  request.final = arguments.final;
  request.out = arguments.reportOut;
  JobContext job;
  job.stop = interrupt.token();
  job.progress = [&printer](const Progress& progress) { printer.show(progress); };
  const auto files = ui::writeReport(request, job);
  printer.clear();
  if (!files) {
    std::fprintf(stderr, "deltascope: %s\n", describe(files.error()).c_str());
    return files.error().code == ErrorCode::Cancelled ? 130 : 3;
  }
  std::printf("%s\n", files->page.c_str());
  return files->bitExact.value_or(true) ? 0 : 1;
}

}  // namespace deltascope::window
