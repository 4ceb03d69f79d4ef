// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a model holds of one device's memory, which other models may hold parts of too. Internal to core/runtime.
#include <algorithm>
#include <atomic>

#include "kernels/memory.h"

namespace deltascope {

/// Threads: peak() and sidePeak() may be called while another thread generates.
class PartMemory {
 public:
  /// The model was loaded: of what is held now, `others` belongs to others; it uses `shared` bytes that they took.
  void loaded(const kernels::MemoryUse& now, std::uint64_t others, std::uint64_t shared) {
    m_shared = shared;
    m_taken = now.current - std::min(now.current, others);
    m_peak = now.peak;
    m_sidePeak = now.peak - std::min(now.peak, others) + shared;
  }
  /// A session took so much more, or gave it back.
  void took(std::uint64_t bytes, const kernels::MemoryUse& now) {
    m_taken += bytes;
    raise(m_sidePeak, m_taken + m_shared);
    raise(m_peak, now.peak);
  }
  void gaveBack(std::uint64_t bytes) { m_taken -= bytes; }
  /// Around what is measured.
  void begin(kernels::MemoryAccount& account) {
    const kernels::MemoryUse held = account.use();
    m_others = held.current - std::min<std::uint64_t>(held.current, m_taken);
    raise(m_peak, held.peak);
    account.resetPeak();
  }
  void end(const kernels::MemoryAccount& account) {
    const std::uint64_t most = account.use().peak;
    raise(m_peak, most);
    raise(m_sidePeak, most - std::min(most, m_others) + m_shared);
  }

  [[nodiscard]] std::uint64_t peak() const { return m_peak; }          ///< of the account since the model was loaded
  [[nodiscard]] std::uint64_t sidePeak() const { return m_sidePeak; }  ///< the same, as if there were no others

 private:
  static void raise(std::atomic<std::uint64_t>& most, std::uint64_t to) {
    if (to > most) most = to;
  }
  std::atomic<std::uint64_t> m_taken = 0, m_peak = 0, m_sidePeak = 0;
  std::uint64_t m_shared = 0, m_others = 0;
};

}  // namespace deltascope
