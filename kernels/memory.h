// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Memory of a device, accounted: what is held, the most that was, and a limit that no allocation passes.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/outcome.h"

namespace deltascope::kernels {

struct MemoryUse {
  std::uint64_t current = 0;  ///< bytes held through this backend
  std::uint64_t peak = 0;     ///< the most that was held at a time since the backend was opened, or since resetPeak
  std::uint64_t limit = 0;    ///< of `current`; 0: none
};

/// Counts bytes. Threads: all members may be called concurrently.
class MemoryAccount {
 public:
  virtual ~MemoryAccount() = default;
  [[nodiscard]] virtual MemoryUse use() const = 0;
  /// Takes `bytes` off what is left, or fails with OutOfMemory, naming `what`.
  [[nodiscard]] virtual Outcome<void> take(std::uint64_t bytes, std::string_view what) = 0;
  virtual void giveBack(std::uint64_t bytes) noexcept = 0;
  virtual void setLimit(std::uint64_t bytes) = 0;  ///< 0: none. Below what is held, only new allocations fail.
  virtual void resetPeak() = 0;                    ///< to what is held now
};

/// Owns memory of a device and gives it back. Movable; the account must outlive it.
class Buffer {
 public:
  using Free = void (*)(void*) noexcept;
  Buffer() = default;
  Buffer(std::shared_ptr<MemoryAccount> account, void* data, std::uint64_t bytes, Free free)
      : m_account(std::move(account)), m_data(data), m_bytes(bytes), m_free(free) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer() {
    if (m_data) m_free(m_data);
    if (m_account) m_account->giveBack(m_bytes);
  }
  void swap(Buffer& other) noexcept {
    std::swap(m_account, other.m_account);
    std::swap(m_data, other.m_data);
    std::swap(m_bytes, other.m_bytes);
    std::swap(m_free, other.m_free);
  }

  [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }
  [[nodiscard]] void* data() const { return m_data; }
  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(m_data);
  }
  explicit operator bool() const { return m_data != nullptr; }

 private:
  std::shared_ptr<MemoryAccount> m_account;
  void* m_data = nullptr;
  std::uint64_t m_bytes = 0;
  Free m_free = nullptr;
};

}  // namespace deltascope::kernels
