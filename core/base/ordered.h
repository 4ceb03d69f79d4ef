// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Parallel work, ordered results, bounded memory: the shape of packing, verifying and unpacking.
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

/// Calls `work(i)` for i in [0, count) on `threads` threads and `commit(i, result)` for each i in ascending order on the
/// calling thread. At most `window` items are started and not yet committed, which bounds memory. The first error (of
/// work or commit, lowest index wins among those seen) stops everything and is returned; a stop request returns
/// Cancelled. std::bad_alloc inside `work` becomes OutOfMemory, any other exception Internal.
template <class T>
[[nodiscard]] Result<void> runOrdered(std::size_t count, unsigned threads, std::size_t window, std::stop_token stop,
                                      const std::function<Result<T>(std::size_t)>& work,
                                      const std::function<Result<void>(std::size_t, T&&)>& commit) {
  std::mutex mutex;
  std::condition_variable_any roomOrStop, doneOrStop;
  std::size_t next = 0, committed = 0;
  bool failed = false;
  std::map<std::size_t, Result<T>> done;

  auto guarded = [&work](std::size_t i) -> Result<T> {
    try {
      return work(i);
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::OutOfMemory, "not enough memory", "use fewer threads or more chunks");
    } catch (const std::exception& e) {
      return fail(ErrorCode::Internal, e.what());
    }
  };
  auto worker = [&](std::stop_token own) {
    for (;;) {
      std::size_t i = 0;
      {
        std::unique_lock lock(mutex);
        roomOrStop.wait(lock, own, [&] { return failed || next >= count || next < committed + window; });
        if (own.stop_requested() || failed || next >= count) return;
        i = next++;
      }
      auto result = guarded(i);
      std::lock_guard lock(mutex);
      done.emplace(i, std::move(result));
      doneOrStop.notify_all();
    }
  };

  Result<void> outcome;
  {
    std::vector<std::jthread> pool;
    for (unsigned t = 0; t < std::max(1u, threads) && t < count; ++t) pool.emplace_back(worker);
    std::stop_callback wake(stop, [&] {
      std::lock_guard lock(mutex);
      doneOrStop.notify_all();
    });
    for (std::size_t i = 0; i < count && outcome; ++i) {
      Result<T> item = [&]() -> Result<T> {
        std::unique_lock lock(mutex);
        doneOrStop.wait(lock, [&] { return stop.stop_requested() || done.contains(i); });
        if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
        auto node = done.extract(i);
        return std::move(node.mapped());
      }();
      if (!item) {
        outcome = tl::make_unexpected(std::move(item).error());
      } else if (auto written = commit(i, std::move(*item)); !written) {
        outcome = written;
      }
      std::lock_guard lock(mutex);
      if (!outcome) failed = true;
      committed = i + 1;
      roomOrStop.notify_all();
    }
    {
      std::lock_guard lock(mutex);
      failed = failed || !outcome;
      roomOrStop.notify_all();
    }
  }
  return outcome;
}

}  // namespace deltascope
