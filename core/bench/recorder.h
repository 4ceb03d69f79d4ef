// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Keeps a run's record while it grows: memory over time, rows, and the file that a killed run leaves. Internal to core/bench.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/units.h"
#include "core/bench/bench.h"

namespace deltascope {

/// Called between what is timed; what it does itself stays below a hundredth of the time that passes. Threads: that of the run;
/// tick() and sampleWhenQuiet() also from another.
class Recorder {
 public:
  Recorder(BenchmarkRun& run, const BenchmarkHooks& hooks, std::filesystem::path out)
      : m_run(run), m_hooks(hooks), m_out(std::move(out)) {}

  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - m_start).count(); }
  /// Samples memory when the last sample is old enough. `device` is asked only then.
  template <class Device>
  void tick(std::uint64_t accounted, const Device& device) {
    const std::lock_guard lock(m_memory);
    const auto start = Clock::now();
    if (start - m_lastSample < m_sampleInterval) return;
    sample(accounted, device());
    m_sampleInterval = std::max(m_sampleInterval, kSampleShare * (Clock::now() - start));
  }
  /// The same when nobody called tick() for some time.
  template <class Read>
  void sampleWhenQuiet(std::chrono::milliseconds quiet, const Read& read) {
    const std::lock_guard lock(m_memory);
    if (Clock::now() - m_lastSample < std::max<Clock::duration>(quiet, m_sampleInterval)) return;
    const auto now = read();
    sample(now.accounted, now.device);
  }
  void chosen(std::span<const std::string> tensors) const {
    if (m_hooks.onChosen) m_hooks.onChosen(tensors);
  }
  void pause() const {
    if (m_hooks.onPause) m_hooks.onPause();
  }
  /// Samples memory now, whatever the interval: after work that has no pauses. `accounted`: the most it held.
  void mark(std::uint64_t accounted, const kernels::DeviceMemoryUse& device) {
    const std::lock_guard lock(m_memory);
    sample(accounted, device);
  }
  /// What goes on from now on: a row's mode, kPreparing or kReference.
  void enter(std::string_view phase) {
    const std::lock_guard lock(m_memory);
    m_phase = phase;
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
  /// What was begun will not be finished: its samples since the last row are of no row's mode.
  void abandon();
  /// The figures of the whole run, so far: its time, the machine's load, the most this process held.
  void measureRun();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kSampleShare = 200;  // asking a driver may take long: a two-hundredth of the time at most
  void keep(const BenchmarkMemory& now);
  void sample(std::uint64_t accounted, const kernels::DeviceMemoryUse& device);

  BenchmarkRun& m_run;
  const BenchmarkHooks& m_hooks;
  std::filesystem::path m_out;
  std::mutex m_memory;  ///< of m_run.memory and what decides when it is sampled
  Clock::time_point m_start = Clock::now(), m_lastSample{}, m_lastWrite{};
  Clock::duration m_sampleInterval = std::chrono::milliseconds(10), m_writeTook{};
  std::string m_phase{kPreparing};
  double m_lastRow = 0;  ///< when it was added, in seconds
  LoadMeter m_load;
  std::uint64_t m_residentBefore = residentMemory().peak;
  bool m_ownIsResident = false;  ///< the device is the processor: its own memory is the process's
};

/// What a sample is made of.
struct MemoryReading {
  std::uint64_t accounted = 0;
  kernels::DeviceMemoryUse device;
};

/// While it lives, memory is sampled from a thread of its own where the run itself does not come to it: while it encodes a
/// baseline, for instance.
class MemoryWatch {
 public:
  MemoryWatch(Recorder& recorder, std::function<MemoryReading()> read)
      : m_thread([this, &recorder, read = std::move(read)](const std::stop_token& stop) {
          std::unique_lock lock(m_mutex);
          while (!m_wake.wait_for(lock, stop, kQuiet, [] { return false; }) && !stop.stop_requested())
            recorder.sampleWhenQuiet(kQuiet, read);
        }) {}
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

 private:
  static constexpr std::chrono::milliseconds kQuiet{100};
  std::mutex m_mutex;
  std::condition_variable_any m_wake;
  std::jthread m_thread;  // the last member: it uses the others
};

}  // namespace deltascope
