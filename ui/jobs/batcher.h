// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

/// Collects values from a job's threads and hands them over in batches on the owner's thread, before the job's end: one call,
/// however many arrive before it is made; or, kept, when the owner fetches them, and the job wakes nobody. Copies share one
/// queue.
template <class T>
class Batcher {
 public:
  /// `take`: called on the owner's thread.
  explicit Batcher(std::function<void(std::vector<T>&&)> take) : m_shared(std::make_shared<Shared>()) {
    m_shared->take = std::move(take);
  }

  void add(const JobScope& scope, T value) const {
    std::lock_guard lock(m_shared->mutex);
    m_shared->waiting.push_back(std::move(value));
    if (std::exchange(m_shared->posted, true)) return;
    scope.post([shared = m_shared] { drain(*shared); });
  }
  /// Until fetch().
  void keep(T value) const {
    std::lock_guard lock(m_shared->mutex);
    m_shared->waiting.push_back(std::move(value));
  }
  /// On the owner's thread: hands over what has come, if anything has.
  void fetch() const { drain(*m_shared); }

 private:
  struct Shared {
    std::mutex mutex;
    std::vector<T> waiting;
    bool posted = false;
    std::function<void(std::vector<T>&&)> take;
  };
  static void drain(Shared& shared) {
    std::vector<T> batch;
    {
      std::lock_guard lock(shared.mutex);
      batch.swap(shared.waiting);
      shared.posted = false;
    }
    if (!batch.empty()) shared.take(std::move(batch));
  }
  std::shared_ptr<Shared> m_shared;
};

}  // namespace deltascope::ui
