// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Threads that wait for short, frequent loops: a token of a small model is some sixty of them.
#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace deltascope::kernels {

/// Runs loops on `threads` threads, the calling one among them. Between loops the others spin for some tens of microseconds,
/// then sleep. One loop at a time; a loop's body must not start another.
class Pool {
 public:
  explicit Pool(unsigned threads);  ///< throws std::system_error where the system gives no thread
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  [[nodiscard]] unsigned threads() const { return static_cast<unsigned>(m_workers.size()) + 1; }

  /// Calls body(index, thread) for each index below `count`, begun in ascending order, `thread` below threads(); returns when
  /// all have returned. The body must not throw.
  template <class Body>
  void parallelFor(std::uint32_t count, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run(
        count,
        [](const void* b, std::uint32_t index, unsigned thread) noexcept { (*static_cast<const Plain*>(b))(index, thread); },
        &body);
  }

 private:
  using Call = void (*)(const void* body, std::uint32_t index, unsigned thread) noexcept;
  void run(std::uint32_t count, Call call, const void* body);
  bool work(unsigned thread);  ///< takes indices until none is left; false: there was none
  void serve(unsigned thread);
  void stop();

  /// Count of the loop in the upper half, next index in the lower: one addition claims an index of whatever loop is running.
  alignas(64) std::atomic<std::uint64_t> m_ticket = 0;
  alignas(64) std::atomic<std::uint32_t> m_done = 0;
  alignas(64) std::atomic<std::uint32_t> m_loops = 0;  ///< grows with each loop; sleepers wait for it
  std::atomic<bool> m_stop = false;
  Call m_call = nullptr;
  const void* m_body = nullptr;
  std::vector<std::thread> m_workers;
};

}  // namespace deltascope::kernels
