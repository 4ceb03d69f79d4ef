// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/memory.h"

#include "kernels/shared/account.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr std::uint64_t kGrain = 256;

/// Also gives back what a pool gave; waits for work that may use it.
void freeOnDevice(void* data) noexcept { cudaFree(data); }

}  // namespace

std::string describe(cudaError_t error) {
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
}

tl::unexpected<Failure> failed(const char* what, cudaError_t error) {
  const bool memory = error == cudaErrorMemoryAllocation;
  return tl::unexpected(Failure{memory ? Failure::Kind::OutOfMemory : Failure::Kind::Device,
                                std::string(what) + ": " + describe(error),
                                memory ? "give a smaller memory budget, or close what else uses the GPU" : ""});
}

Outcome<std::unique_ptr<DevicePool>> DevicePool::create(int device, std::uint64_t limit) {
  auto pool = std::unique_ptr<DevicePool>(new DevicePool);
  pool->m_device = device;
  pool->m_account = makeAccount(limit);
  int pools = 0;
  if (cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, device) != cudaSuccess || !pools) return pool;
  if (const auto error = cudaStreamCreateWithFlags(&pool->m_stream, cudaStreamNonBlocking); error != cudaSuccess)
    return failed("a stream of the GPU", error);
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, device};
  if (cudaMemPoolCreate(&pool->m_pool, &properties) != cudaSuccess) {
    pool->m_pool = nullptr;
    static_cast<void>(cudaGetLastError());
  }
  return pool;
}

DevicePool::~DevicePool() {
  if (m_pool) cudaMemPoolDestroy(m_pool);
  if (m_stream) cudaStreamDestroy(m_stream);
}

Outcome<Buffer> DevicePool::allocate(std::uint64_t bytes, std::string_view what) {
  const std::uint64_t counted = (std::max<std::uint64_t>(bytes, 1) + kGrain - 1) / kGrain * kGrain;
  if (auto taken = m_account->take(counted, what); !taken) return tl::make_unexpected(taken.error());
  cudaSetDevice(m_device);
  void* data = nullptr;
  cudaError_t error = m_pool ? cudaMallocFromPoolAsync(&data, counted, m_pool, m_stream) : cudaMalloc(&data, counted);
  if (error == cudaSuccess && m_pool) error = cudaStreamSynchronize(m_stream);
  if (error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    m_account->giveBack(counted);
    return failed(("no room on the GPU for " + formatBytes(bytes) + " of " + std::string(what)).c_str(), error);
  }
  return Buffer(m_account, data, counted, freeOnDevice);
}

Outcome<PinnedBuffer> PinnedBuffer::create(std::uint64_t bytes) {
  PinnedBuffer buffer;
  void* data = nullptr;
  if (const auto error = cudaHostAlloc(&data, bytes, cudaHostAllocPortable); error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return failed("page-locked memory of the host", error);
  }
  buffer.m_data = static_cast<std::byte*>(data);
  buffer.m_bytes = bytes;
  return buffer;
}

PinnedBuffer::~PinnedBuffer() {
  if (m_data) cudaFreeHost(m_data);
}

}  // namespace deltascope::kernels::cuda
