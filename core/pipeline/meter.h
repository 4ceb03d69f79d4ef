// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Progress reports at a bearable rate.
#include <chrono>

#include "core/base/job.h"

namespace deltascope {

/// Counts a job's progress and reports it at most 30 times a second. Threads: that of the job only.
class Meter {
 public:
  explicit Meter(const JobContext& job) : m_job(job), m_start(Clock::now()) {}

  void setTotals(std::uint64_t bytes, std::uint64_t tensors) {
    m_progress.bytesTotal = bytes;
    m_progress.tensorsTotal = tensors;
  }
  void phase(const char* name) {
    m_progress.phase = name;
    report(true);
  }
  void add(const std::string& tensor, std::uint64_t bytes, bool tensorDone) {
    m_progress.tensor = tensor;
    m_progress.bytesDone += bytes;
    m_progress.tensorsDone += tensorDone;
    report(false);
  }
  void finish() { report(true); }
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - m_start).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{34};

  void report(bool now) {
    if (!m_job.progress || (!now && Clock::now() - m_last < kInterval)) return;
    m_last = Clock::now();
    m_progress.seconds = seconds();
    m_job.progress(m_progress);
  }

  const JobContext& m_job;
  Clock::time_point m_start, m_last{};
  Progress m_progress;
};

}  // namespace deltascope
