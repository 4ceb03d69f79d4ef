// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Running one engine job from the command line: progress, stop, and what a tool of this kind reports about itself.
#include <spdlog/spdlog.h>

#include <chrono>

#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "core/base/units.h"
#include "kernels/backend.h"

namespace deltascope::cli {

/// Calls `job(context)` with progress on standard error; the bar is gone when it returns.
template <class Job>
auto runJob(const Invocation& invocation, Job&& job) {
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  ProgressPrinter printer(invocation.common.quiet);
  JobContext context;
  context.stop = invocation.stop;
  context.threads = invocation.common.threads;
  context.progress = [&printer](const Progress& progress) { printer.show(progress); };
  spdlog::debug("{} threads, {} instructions", context.threadCount(), kernels::nameOf(kernels::bestIsa()));
  auto result = job(context);
  printer.clear();
  spdlog::debug("{:.3f} seconds, {} resident at most",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                formatGib(residentMemory().peak));
  return result;
}

}  // namespace deltascope::cli
