// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The hash over the logits of an answer. Internal to core/runtime.
#include <future>
#include <span>
#include <vector>

#include "core/base/hash.h"

namespace deltascope {

/// Many logits are hashed on a thread of its own, while the next token is computed. Threads: one caller.
class LogitsHash {
 public:
  ~LogitsHash() { wait(); }
  /// Those that the memory holds alone: may be taken, and memory of the same size given for the next.
  void take(std::vector<float>& logits) {
    wait();
    if (logits.size() < kWorthAThread) return m_hasher.update(std::as_bytes(std::span(logits)));
    m_logits.resize(logits.size());
    m_logits.swap(logits);
    start();
  }
  void add(std::span<const float> logits) {
    wait();
    if (logits.size() < kWorthAThread) return m_hasher.update(std::as_bytes(logits));
    m_logits.assign(logits.begin(), logits.end());
    start();
  }
  [[nodiscard]] Hash128 digest() {
    wait();
    return m_hasher.digest();
  }

 private:
  static constexpr std::size_t kWorthAThread = std::size_t{1} << 16;  ///< starting one takes as long as hashing so many
  void start() {
    m_done = std::async(std::launch::async, [this] { m_hasher.update(std::as_bytes(std::span(m_logits))); });
  }
  void wait() {
    if (m_done.valid()) m_done.get();
  }
  std::vector<float> m_logits;
  Hasher128 m_hasher;
  std::future<void> m_done;
};

}  // namespace deltascope
