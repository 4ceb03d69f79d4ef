// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Many run files, read on several threads. Internal to ui/history.
#include <QString>
#include <vector>

#include "core/base/job.h"
#include "ui/history/run_entry.h"

namespace deltascope::ui {

struct ReadRuns {
  std::vector<RunEntry> entries;  ///< in the order of the files; those that vanished meanwhile are left out
  bool cancelled = false;         ///< then only some of them
};

/// Returns when all are read or a stop was requested. Progress counts files as tensors, on the calling thread.
[[nodiscard]] ReadRuns readRuns(const QString& folder, const std::vector<QString>& files, const JobContext& job);

}  // namespace deltascope::ui
