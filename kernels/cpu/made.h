// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Made weights: where the pieces lie, and the memory they pass through.
#include <mutex>

#include "kernels/cpu/context.h"

namespace deltascope::kernels {

inline constexpr std::size_t kCacheLineBytes = 64;

/// A thread makes a piece step by step at `step`; what is left of a row waits for the next step just before it.
class MadeScratch {
 public:
  /// Bytes for one thread, and for a row that pieces cut.
  [[nodiscard]] static std::uint64_t threadBytes(std::uint64_t stepBytes, std::uint64_t rowBytes) {
    return roundUp(stepBytes) + roundUp(rowBytes);
  }
  [[nodiscard]] static std::uint64_t bytes(unsigned threads, std::uint64_t stepBytes, std::uint64_t rowBytes,
                                           std::size_t pieces);

  /// From what the context reserved where that is enough, from its account otherwise.
  [[nodiscard]] static Outcome<MadeScratch> take(CpuContext& context, std::uint64_t stepBytes, std::uint64_t rowBytes,
                                                 std::size_t pieces);

  /// With room for all elements of a weight beside the steps.
  [[nodiscard]] static Outcome<MadeScratch> takeWhole(CpuContext& context, std::uint64_t stepBytes, std::uint64_t wholeBytes);

  [[nodiscard]] std::byte* step(unsigned thread) const { return m_data + thread * (m_stepBytes + m_rowBytes) + m_rowBytes; }
  [[nodiscard]] std::byte* whole() const { return sideRow(0); }  ///< aligned to kCacheLineBytes
  [[nodiscard]] std::byte* sideRow(std::size_t slot) const {
    return m_data + m_threads * (m_stepBytes + m_rowBytes) + slot * m_rowBytes;
  }

 private:
  static std::uint64_t roundUp(std::uint64_t bytes) {
    return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
  }
  [[nodiscard]] Outcome<void> hold(CpuContext& context, std::uint64_t bytes);

  Buffer m_own;
  std::byte* m_data = nullptr;
  std::uint64_t m_stepBytes = 0, m_rowBytes = 0, m_threads = 0;
};

/// The first failure of several threads.
class FirstFailure {
 public:
  [[nodiscard]] bool any() const { return m_any.load(std::memory_order_relaxed); }
  void set(Failure failure) {
    const std::lock_guard lock(m_mutex);
    if (!m_any.exchange(true)) m_failure = std::move(failure);
  }
  [[nodiscard]] Outcome<void> outcome() const {
    if (m_any) return tl::unexpected(m_failure);
    return {};
  }

 private:
  std::mutex m_mutex;
  std::atomic<bool> m_any = false;
  Failure m_failure;
};

/// Data: the source does not cover the matrix, or makes no progress.
[[nodiscard]] Outcome<void> checkSource(const Matrix& matrix);

/// Elements of the largest step that the source gives.
[[nodiscard]] std::uint64_t largestStep(const ElementSource& source);

}  // namespace deltascope::kernels
