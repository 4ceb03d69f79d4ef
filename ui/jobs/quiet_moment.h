// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A job that measures lets the window draw while it measures nothing.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

/// Copies share one state. `draw` runs on the owner's thread while the job waits for it, kLongestWait at most: a window that is
/// busy holds no job up. How often depends on what drawing takes: a twenty-fifth of the time at most, and every kFastest at
/// most.
class QuietMoment {
 public:
  static constexpr std::chrono::milliseconds kFastest{125}, kSlowest{1000}, kLongestWait{60};

  explicit QuietMoment(std::function<void()> draw) : m_shared(std::make_shared<Shared>()) { m_shared->draw = std::move(draw); }

  /// On the job's thread, where nothing is measured. Returns at once when it is too early to draw again.
  void offer(const JobScope& scope) const {
    std::unique_lock lock(m_shared->mutex);
    if (Clock::now() < m_shared->next || scope.stop.stop_requested()) return;
    m_shared->next = Clock::now() + kFastest;
    if (std::exchange(m_shared->asked, true)) return;  // the last one still waits for the window
    scope.post([shared = m_shared] { drawn(*shared); });
    (void)m_shared->wake.wait_for(lock, scope.stop, kLongestWait, [this] { return !m_shared->asked; });
  }
  /// On the owner's thread: draws, because no offer came for a while.
  void draw() const { drawn(*m_shared); }
  /// Since it was drawn last.
  [[nodiscard]] std::chrono::milliseconds age() const {
    const std::lock_guard lock(m_shared->mutex);
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - m_shared->last);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kShare = 25;
  struct Shared {
    std::function<void()> draw;
    std::mutex mutex;
    std::condition_variable_any wake;
    bool asked = false;
    Clock::time_point next{}, last = Clock::now();
  };
  static void drawn(Shared& shared) {
    const auto start = Clock::now();
    shared.draw();
    const auto end = Clock::now();
    {
      const std::lock_guard lock(shared.mutex);
      shared.asked = false;
      shared.last = end;
      shared.next = end + std::clamp<Clock::duration>(kShare * (end - start), kFastest, kSlowest);
    }
    shared.wake.notify_all();
  }
  std::shared_ptr<Shared> m_shared;
};

}  // namespace deltascope::ui
