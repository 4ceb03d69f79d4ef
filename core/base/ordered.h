// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Parallel work, ordered results, bounded memory: the shape of packing, verifying and unpacking.
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace deltascope {
namespace detail {

/// Runs `call` (a Result of some kind) and turns what it throws into an error.
template <class Call>
auto withoutExceptions(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::OutOfMemory, "not enough memory", "use fewer threads or more chunks");
  } catch (const std::exception& e) {
    return fail(ErrorCode::Internal, e.what());
  } catch (...) {
    return fail(ErrorCode::Internal, "an unknown exception");
  }
}

}  // namespace detail

/// Calls `work(i)` for i in [0, count) on `threads` threads and `commit(i, result)` for each i in ascending order on the
/// calling thread. At most `window` items (one at least) are started and not yet committed, which bounds memory.
/// The error of the lowest index, of work or commit, is returned: after it nothing is committed and no further item is started.
/// A stop request returns Cancelled as soon as the running calls return, unless everything was committed already; long calls
/// must look at the token themselves. std::bad_alloc inside `work` or `commit` becomes OutOfMemory, any other exception
/// Internal.
template <class T>
[[nodiscard]] Result<void> runOrdered(std::size_t count, unsigned threads, std::size_t window, std::stop_token stop,
                                      const std::function<Result<T>(std::size_t)>& work,
                                      const std::function<Result<void>(std::size_t, T&&)>& commit) {
  if (count == 0) return {};
  window = std::clamp<std::size_t>(window, 1, count);
  std::mutex mutex;
  std::condition_variable room, done;
  std::size_t next = 0, committed = 0;
  bool ended = false;                                   // no further item may start
  std::vector<std::optional<Result<T>>> ready(window);  // item i waits in place i % window

  const auto worker = [&] {
    for (;;) {
      std::size_t i = 0;
      {
        std::unique_lock lock(mutex);
        room.wait(lock, [&] { return ended || next >= count || next < committed + window; });
        if (ended || next >= count) return;
        i = next++;
      }
      auto result = detail::withoutExceptions([&] { return work(i); });
      std::lock_guard lock(mutex);
      // Items before a failed one have been started; they end in their turn, so that the lowest error is the one returned.
      if (!result) ended = true;
      ready[i % window].emplace(std::move(result));
      if (ended) room.notify_all();
      done.notify_one();
    }
  };

  std::vector<std::thread> pool;
  const auto join = [&] {
    {
      std::lock_guard lock(mutex);
      ended = true;
    }
    room.notify_all();
    for (auto& thread : pool) thread.join();
  };
  try {
    const auto wanted = std::min({static_cast<std::size_t>(std::max(1u, threads)), window, count});
    pool.reserve(wanted);
    while (pool.size() < wanted) pool.emplace_back(worker);
  } catch (const std::exception& e) {
    if (pool.empty())
      return fail(ErrorCode::OutOfMemory, std::string("cannot start a thread: ") + e.what(), "use fewer threads");
  }

  Result<void> outcome;
  {
    const std::stop_callback wake(stop, [&] {
      std::lock_guard lock(mutex);
      ended = true;
      room.notify_all();
      done.notify_one();
    });
    for (std::size_t i = 0; i < count && outcome; ++i) {
      std::optional<Result<T>> item;
      {
        std::unique_lock lock(mutex);
        done.wait(lock, [&] { return stop.stop_requested() || ready[i % window].has_value(); });
        if (!stop.stop_requested()) item = std::exchange(ready[i % window], std::nullopt);
      }
      if (!item) {
        outcome = fail(ErrorCode::Cancelled, "cancelled");
      } else if (!*item) {
        outcome = tl::make_unexpected(std::move(*item).error());
      } else {
        outcome = detail::withoutExceptions([&] { return commit(i, std::move(**item)); });
      }
      item.reset();  // its memory goes before the next item may start
      std::lock_guard lock(mutex);
      if (!outcome) ended = true;
      committed = i + 1;
      room.notify_all();
    }
  }
  join();
  return outcome;
}

}  // namespace deltascope
