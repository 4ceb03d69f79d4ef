// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/pool.h"

#include <chrono>

#include "kernels/cpu/target.h"

#if DELTASCOPE_X86
#include <immintrin.h>
#endif

namespace deltascope::kernels {
namespace {

constexpr std::chrono::microseconds kSpin{60};

void pause() {
#if DELTASCOPE_X86
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

/// True as soon as `ready` is; false when it was not for kSpin.
template <class Ready>
bool spinUntil(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

bool hasWork(std::uint64_t ticket) { return static_cast<std::uint32_t>(ticket) < ticket >> 32; }

}  // namespace

Pool::Pool(unsigned threads) {
  try {
    for (unsigned thread = 1; thread < threads; ++thread) m_workers.emplace_back([this, thread] { serve(thread); });
  } catch (...) {
    stop();
    throw;
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() {
  m_stop.store(true);
  m_loops.fetch_add(1);
  m_loops.notify_all();
  for (auto& worker : m_workers) worker.join();
}

void Pool::run(std::uint32_t count, Call call, const void* body) {
  if (count <= 1 || m_workers.empty()) {
    for (std::uint32_t i = 0; i < count; ++i) call(body, i, 0);
    return;
  }
  m_call = call;
  m_body = body;
  m_done.store(0, std::memory_order_relaxed);
  m_ticket.store(std::uint64_t{count} << 32);
  m_loops.fetch_add(1);
  m_loops.notify_all();
  work(0);
  const auto done = [&] { return m_done.load(std::memory_order_acquire) == count; };
  if (spinUntil(done)) return;
  for (std::uint32_t seen = m_done.load(); seen != count; seen = m_done.load()) m_done.wait(seen);
}

bool Pool::work(unsigned thread) {
  bool worked = false;
  while (hasWork(m_ticket.load())) {
    const std::uint64_t ticket = m_ticket.fetch_add(1);
    if (!hasWork(ticket)) break;
    // The loop that this index belongs to cannot end before it is done, so that its body stays.
    m_call(m_body, static_cast<std::uint32_t>(ticket), thread);
    worked = true;
    if (m_done.fetch_add(1) + 1 == ticket >> 32) m_done.notify_one();
  }
  return worked;
}

void Pool::serve(unsigned thread) {
  while (!m_stop.load()) {
    const std::uint32_t seen = m_loops.load();
    if (work(thread)) continue;
    if (!spinUntil([&] { return m_loops.load() != seen; })) m_loops.wait(seen);
  }
}

}  // namespace deltascope::kernels
