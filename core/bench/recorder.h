// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Keeps a run's record while it grows: memory over time, rows, and the file that a killed run leaves. Internal to core/bench.
#include <algorithm>
#include <chrono>

#include "core/bench/bench.h"

namespace deltascope {

/// Called between what is timed; what it does itself stays below a hundredth of the time that passes.
class Recorder {
 public:
  Recorder(BenchmarkRun& run, const BenchmarkHooks& hooks, std::filesystem::path out)
      : m_run(run), m_hooks(hooks), m_out(std::move(out)) {}

  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - m_start).count(); }
  /// Samples memory when the last sample is old enough. `device` is asked only then.
  template <class Device>
  void tick(std::uint64_t accounted, const Device& device) {
    const auto start = Clock::now();
    if (start - m_lastSample < m_sampleInterval) return;
    sample(accounted, device());
    m_sampleInterval = std::max(m_sampleInterval, kSampleShare * (Clock::now() - start));
  }
  void latency(std::string_view tensor, std::string_view mode, double milliseconds) const {
    if (m_hooks.onLatency) m_hooks.onLatency(tensor, mode, milliseconds);
  }
  void token(double tokensPerSecond) const {
    if (m_hooks.onToken) m_hooks.onToken(seconds(), tokensPerSecond);
  }
  void add(BenchmarkRow row, bool baseline);
  void skip(BenchmarkSkip skip) { m_run.skipped.push_back(std::move(skip)); }
  [[nodiscard]] Result<void> write();  ///< now; nothing without a file

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kSampleShare = 200;  // asking a driver may take long: a two-hundredth of the time at most
  void keep(const BenchmarkMemory& now);
  void sample(std::uint64_t accounted, const kernels::DeviceMemoryUse& device);

  BenchmarkRun& m_run;
  const BenchmarkHooks& m_hooks;
  std::filesystem::path m_out;
  Clock::time_point m_start = Clock::now(), m_lastSample{}, m_lastWrite{};
  Clock::duration m_sampleInterval = std::chrono::milliseconds(10), m_writeTook{};
};

}  // namespace deltascope
