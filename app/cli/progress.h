// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A job's progress on standard error: one line that is rewritten on a terminal, sparse plain lines otherwise.
#include <chrono>
#include <string>

#include "core/base/job.h"

namespace deltascope::cli {

/// Phase, percentage, bytes or tensors, throughput, time left, tensor; unknown parts are left out.
[[nodiscard]] std::string progressText(const Progress& progress);

class ProgressPrinter {
 public:
  explicit ProgressPrinter(bool quiet);
  ~ProgressPrinter();  ///< takes the bar off the terminal
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void show(const Progress& progress);
  /// For text that must appear while the bar is shown.
  void clear();

 private:
  void drawBar(const Progress& progress);
  void printLine(const Progress& progress);

  using Clock = std::chrono::steady_clock;
  bool m_quiet, m_terminal, m_drawn = false;
  std::string m_phase;
  int m_step = -1;  ///< tenths of the phase already reported
  Clock::time_point m_last = Clock::now();
};

}  // namespace deltascope::cli
