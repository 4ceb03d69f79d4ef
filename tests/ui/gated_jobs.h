// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Jobs that wait until they may go on.
#include "tests/ui/gate.h"
#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

inline JobSpec named(const QString& title, JobLane lane = JobLane::Work) {
  return {.title = title, .kind = "test", .lane = lane, .result = {}};
}

/// Work that waits for the gate and is cancelled by a stop.
inline auto waiting(Gate& gate, int value = 1) {
  return [&gate, value](const JobContext& job) -> Result<int> {
    if (!gate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
    return value;
  };
}

}  // namespace deltascope::ui
