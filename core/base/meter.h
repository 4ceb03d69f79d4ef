// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Progress reports at a bearable rate.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

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
  /// Before the bytes flow: `done` of `total` small pieces, which together are `share` of the job's expected work. It is told
  /// as that share of the bytes, and what follows as the rest of them, so that the time left is that of both.
  void prepare(const std::string& tensor, std::size_t done, std::size_t total, double share) {
    m_progress.tensor = tensor;
    m_preparing = share;
    if (total > 0) m_prepared = std::max(m_prepared, share * static_cast<double>(done) / static_cast<double>(total));
    report(false);
  }
  void finish() {
    m_prepared = m_preparing;
    report(true);
  }
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - m_start).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{34};

  void report(bool now) {
    if (!m_job.progress || (!now && Clock::now() - m_last < kInterval)) return;
    m_last = Clock::now();
    m_progress.seconds = seconds();
    Progress told = m_progress;
    if (m_preparing > 0)
      told.bytesDone = static_cast<std::uint64_t>(std::llround(m_prepared * static_cast<double>(m_progress.bytesTotal) +
                                                               (1 - m_preparing) * static_cast<double>(m_progress.bytesDone)));
    m_job.progress(told);
  }

  const JobContext& m_job;
  Clock::time_point m_start, m_last{};
  double m_preparing = 0, m_prepared = 0;  ///< share of the work that comes before the bytes, and what is done of it
  Progress m_progress;
};

}  // namespace deltascope
