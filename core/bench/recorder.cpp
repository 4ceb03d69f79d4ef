// SPDX-License-Identifier: Apache-2.0
#include "core/bench/recorder.h"

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
  const BenchmarkMemory now{seconds(), accounted, device.own, used - std::min(used, device.own), device.total};
  m_run.memorySource = device.source;
  keep(now);
}

/// A long run keeps every second sample, and takes half as many from then on.
void Recorder::keep(const BenchmarkMemory& now) {
  m_run.memory.push_back(now);
  if (m_run.memory.size() >= kMostSamples) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < m_run.memory.size(); i += 2) m_run.memory[kept++] = m_run.memory[i];
    m_run.memory.resize(kept);
    m_sampleInterval *= 2;
  }
  if (m_hooks.onMemory) m_hooks.onMemory(now);
}

void Recorder::add(BenchmarkRow row, bool baseline) {
  if (const std::lock_guard lock(m_memory); !m_run.memory.empty()) {  // the peak may have been between samples
    BenchmarkMemory peak = m_run.memory.back();
    peak.seconds = seconds();
    peak.accounted = row.peakMemoryBytes;
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

Result<void> Recorder::write() {
  if (m_out.empty()) return {};
  m_run.seconds = seconds();
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
