// SPDX-License-Identifier: Apache-2.0
#include "core/bench/recorder.h"

#include <map>

#include "core/base/file.h"
#include "core/bench/record.h"

namespace deltascope {
namespace {

constexpr std::size_t kMostSamples = 2000;
constexpr int kWriteShare = 100;
constexpr std::chrono::seconds kLeastWriteInterval{1};

}  // namespace

void Recorder::sample(std::uint64_t accounted, const kernels::DeviceMemoryUse& device) {
  m_lastSample = Clock::now();
  const std::uint64_t used = device.total - std::min(device.total, device.free);
  m_run.memorySource = device.source;
  m_run.ownPeakBytes = std::max(m_run.ownPeakBytes, device.own);
  m_ownIsResident = device.source.starts_with("VmRSS");
  keep({rounded(seconds()), accounted, device.own, used - std::min(used, device.own), device.total, m_phase});
}

/// A long run keeps half of its samples, the most of each phase among them, and takes half as many from then on.
void Recorder::keep(const BenchmarkMemory& now) {
  m_run.memory.push_back(now);
  if (m_run.memory.size() >= kMostSamples) {
    std::map<std::string_view, std::uint64_t> most;
    for (const auto& sample : m_run.memory) {
      auto& bytes = most[sample.phase];
      bytes = std::max(bytes, sample.accounted);
    }
    std::vector<BenchmarkMemory> kept;
    for (std::size_t i = 0; i < m_run.memory.size(); ++i) {
      const auto& sample = m_run.memory[i];
      const auto peak = most.find(sample.phase);
      const bool highest = peak != most.end() && peak->second == sample.accounted;
      if (i % 2 == 0 || highest) kept.push_back(sample);
      if (highest) most.erase(peak);  // the first of them is enough
    }
    m_run.memory = std::move(kept);
    m_sampleInterval *= 2;
  }
  if (m_hooks.onMemory) m_hooks.onMemory(now);
}

void Recorder::add(BenchmarkRow row, bool baseline) {
  if (const std::lock_guard lock(m_memory); !m_run.memory.empty()) {  // the peak may have been between samples
    BenchmarkMemory peak = m_run.memory.back();
    peak.seconds = rounded(seconds());
    peak.accounted = row.peakMemoryBytes;
    peak.phase = row.mode;
    m_lastRow = peak.seconds;
    keep(peak);
  }
  auto& rows = baseline ? m_run.baselines : m_run.rows;
  rows.push_back(std::move(row));
  if (m_hooks.onRow) m_hooks.onRow(rows.back(), baseline);
  const auto wait = std::max<Clock::duration>(kLeastWriteInterval, kWriteShare * m_writeTook);
  if (Clock::now() - m_lastWrite < wait) return;
  // A disk that is full now may have room at the end, which tells.
  if (!write()) m_lastWrite = Clock::now();
}

void Recorder::abandon() {
  const std::lock_guard lock(m_memory);
  for (auto& sample : m_run.memory)
    if (sample.seconds > m_lastRow && withinBudget(sample.phase)) sample.phase = kUnfinished;
}

void Recorder::measureRun() {
  m_run.seconds = rounded(seconds(), 6);
  m_run.load = m_load.load();
  const std::lock_guard lock(m_memory);
  // The system remembers the most a process ever held: where that was during the run, no sample can have missed it.
  const std::uint64_t most = residentMemory().peak;
  if (m_ownIsResident && most > m_residentBefore) m_run.ownPeakBytes = std::max(m_run.ownPeakBytes, most);
}

Result<void> Recorder::write() {
  if (m_out.empty()) return {};
  measureRun();
  const auto start = Clock::now();
  std::string text;
  {
    const std::lock_guard lock(m_memory);
    text = toJsonText(m_run);
  }
  DELTASCOPE_TRY(writeTextFile(m_out, text));
  m_lastWrite = Clock::now();
  m_writeTook = m_lastWrite - start;
  return {};
}

}  // namespace deltascope
