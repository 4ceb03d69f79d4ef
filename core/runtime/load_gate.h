// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Bounded memory for loads that go on side by side. Internal to core/runtime.
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace deltascope {

/// Lets loads go on while what they hold besides their weights stays within a limit. A load that needs more than all of it goes
/// alone. Any thread.
class LoadGate {
 public:
  explicit LoadGate(std::uint64_t limit) : m_limit(limit) {}

  /// Inside as long as it lives.
  class Pass {
   public:
    Pass(LoadGate& gate, std::uint64_t bytes) : m_gate(gate), m_bytes(bytes) { m_gate.enter(bytes); }
    ~Pass() { m_gate.leave(m_bytes); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    LoadGate& m_gate;
    std::uint64_t m_bytes;
  };

 private:
  void enter(std::uint64_t bytes) {
    std::unique_lock lock(m_mutex);
    m_left.wait(lock, [&] { return m_held == 0 || m_held + bytes <= m_limit; });
    m_held += bytes;
  }
  void leave(std::uint64_t bytes) {
    const std::lock_guard lock(m_mutex);
    m_held -= bytes;
    m_left.notify_all();
  }

  std::mutex m_mutex;
  std::condition_variable m_left;
  std::uint64_t m_limit = 0, m_held = 0;
};

}  // namespace deltascope
