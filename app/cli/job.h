// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Running one engine job from the command line: progress, stop, and what a tool of this kind reports about itself.
#include "app/cli/command.h"
#include "app/cli/progress.h"
#include "core/base/result.h"

namespace deltascope::cli {

/// Calls `job(context)` with progress on standard error; the bar is gone when it returns.
template <class Job>
auto runJob(const Invocation& invocation, Job&& job) {
  ProgressPrinter printer(invocation.common.quiet);
  JobContext context;
  context.stop = invocation.stop;
  context.threads = invocation.common.threads;
  context.progress = [&printer](const Progress& progress) { printer.show(progress); };
  return job(context);
}

}  // namespace deltascope::cli
