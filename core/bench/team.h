// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Threads that wait for work, so that starting them is not in a measurement. Internal to core/bench.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/ordered.h"
#include "core/base/result.h"

namespace deltascope {

/// Threads: run() by one caller at a time.
class Team {
 public:
  explicit Team(unsigned threads) {
    for (unsigned t = 1; t < threads; ++t) m_others.emplace_back([this](const std::stop_token& stop) { wait(stop); });
  }
  ~Team() {
    for (auto& other : m_others) other.request_stop();
    m_wake.notify_all();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// work(i) for each i below `count`, begun in ascending order, on all threads. After an error or a stop request no more are
  /// begun; what was thrown becomes an error.
  [[nodiscard]] Result<void> run(std::size_t count, const std::stop_token& stop,
                                 const std::function<Result<void>(std::size_t)>& work) {
    if (count == 1) return detail::withoutExceptions([&] { return work(0); });  // waking others would take longer
    m_count = count;
    m_next = 0;
    m_work = &work;
    m_stop = stop;
    m_outcome = {};
    {
      std::lock_guard lock(m_mutex);
      m_busy = m_others.size();
      ++m_round;
    }
    if (!m_others.empty()) m_wake.notify_all();
    help();
    std::unique_lock lock(m_mutex);
    m_idle.wait(lock, [&] { return m_busy == 0; });
    if (m_outcome && stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    return m_outcome;
  }

 private:
  void help() {
    for (std::size_t i = 0; !m_stop.stop_requested() && (i = m_next++) < m_count;) {
      auto result = detail::withoutExceptions([&] { return (*m_work)(i); });
      if (result) continue;
      std::lock_guard lock(m_mutex);
      if (m_outcome) m_outcome = std::move(result);
      m_next = m_count;
    }
  }
  void wait(const std::stop_token& stop) {
    for (std::uint64_t seen = 0;;) {
      {
        std::unique_lock lock(m_mutex);
        m_wake.wait(lock, stop, [&] { return m_round != seen; });
        if (stop.stop_requested()) return;
        seen = m_round;
      }
      help();
      std::lock_guard lock(m_mutex);
      if (--m_busy == 0) m_idle.notify_one();
    }
  }

  std::mutex m_mutex;
  std::condition_variable_any m_wake;
  std::condition_variable m_idle;
  std::uint64_t m_round = 0;
  std::size_t m_busy = 0, m_count = 0;
  std::atomic<std::size_t> m_next{0};
  const std::function<Result<void>(std::size_t)>* m_work = nullptr;
  std::stop_token m_stop;
  Result<void> m_outcome;
  std::vector<std::jthread> m_others;
};

}  // namespace deltascope
