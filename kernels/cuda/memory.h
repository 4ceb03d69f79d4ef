// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Memory of one GPU through one account.
#include <cuda_runtime_api.h>

#include <memory>

#include "kernels/backend.h"

namespace deltascope::kernels::cuda {

/// "out of memory (cudaErrorMemoryAllocation)".
[[nodiscard]] std::string describe(cudaError_t error);
[[nodiscard]] tl::unexpected<Failure> failed(const char* what, cudaError_t error);

/// From a pool of the device's own, so that small buffers share pages and the sum of what was asked for is what is held.
/// Threads: all members may be called concurrently.
class DevicePool {
 public:
  [[nodiscard]] static Outcome<std::unique_ptr<DevicePool>> create(int device, std::uint64_t limit);
  ~DevicePool();
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  /// Uninitialised, aligned to 256 bytes, usable by every stream when this returns. Counted rounded up to 256.
  [[nodiscard]] Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what);
  [[nodiscard]] MemoryAccount& account() const { return *m_account; }

 private:
  DevicePool() = default;
  int m_device = 0;
  cudaMemPool_t m_pool = nullptr;  ///< null: the driver has none, and each buffer is an allocation of its own
  cudaStream_t m_stream = nullptr;
  std::shared_ptr<MemoryAccount> m_account;
};

/// Host memory that the copy engine reads; not accounted.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  [[nodiscard]] static Outcome<PinnedBuffer> create(std::uint64_t bytes);
  PinnedBuffer(PinnedBuffer&& other) noexcept { swap(other); }
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~PinnedBuffer();
  [[nodiscard]] std::byte* data() const { return m_data; }
  [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }

 private:
  void swap(PinnedBuffer& other) noexcept {
    std::swap(m_data, other.m_data);
    std::swap(m_bytes, other.m_bytes);
  }
  std::byte* m_data = nullptr;
  std::uint64_t m_bytes = 0;
};

}  // namespace deltascope::kernels::cuda
