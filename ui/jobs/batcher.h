// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QMetaObject>
#include <QObject>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace deltascope::ui {

/// Collects values on any thread and hands them over in batches on the receiver's thread: one event, however many arrive before
/// it is handled. Copies share one queue. The receiver must outlive the threads that add.
template <class T>
class Batcher {
 public:
  /// `take`: called on the receiver's thread.
  Batcher(QObject* receiver, std::function<void(std::vector<T>&&)> take) : m_shared(std::make_shared<Shared>()) {
    m_shared->receiver = receiver;
    m_shared->take = std::move(take);
  }

  void add(T value) const {
    std::lock_guard lock(m_shared->mutex);
    m_shared->waiting.push_back(std::move(value));
    if (std::exchange(m_shared->posted, true)) return;
    QMetaObject::invokeMethod(
        m_shared->receiver, [shared = m_shared] { drain(*shared); }, Qt::QueuedConnection);
  }

  /// On the receiver's thread: hands over now what is waiting.
  void flush() const { drain(*m_shared); }

 private:
  struct Shared {
    std::mutex mutex;
    std::vector<T> waiting;
    bool posted = false;
    QObject* receiver = nullptr;
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
