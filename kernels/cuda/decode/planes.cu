// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/decode/launch.h"
#include "kernels/cuda/decode/tiles.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kScanThreads = 1024;

__global__ void __launch_bounds__(kTileThreads)
    countKernel(const __grid_constant__ PlanesWork work, unsigned long long* error) {
  eachTile<PlanesShared>(work.chunk, work.rule, error,
                         [&](Warp& warp, PlanesShared& shared, const CodeTables& tables, std::uint32_t tile) {
                           planesCount(warp, shared, work, tables, tile);
                         });
}

__global__ void __launch_bounds__(kTileThreads)
    fetchKernel(const __grid_constant__ PlanesWork work, unsigned long long* error) {
  eachTile<PlanesShared>(work.chunk, work.rule, error,
                         [&](Warp& warp, PlanesShared& shared, const CodeTables& tables, std::uint32_t tile) {
                           planesTile(warp, shared, work, tables, tile);
                         });
}

/// Each of n values becomes the sum of those before it. One block; each thread has a run of them.
__global__ void __launch_bounds__(kScanThreads) sumKernel(std::uint64_t* values, std::uint64_t n) {
  __shared__ std::uint64_t sums[kScanThreads];
  const std::uint64_t run = (n + kScanThreads - 1) / kScanThreads;
  const std::uint64_t begin = min(n, run * threadIdx.x), end = min(n, begin + run);
  std::uint64_t own = 0;
  for (std::uint64_t i = begin; i < end; ++i) own += values[i];
  sums[threadIdx.x] = own;
  __syncthreads();
  for (unsigned step = 1; step < kScanThreads; step *= 2) {
    const std::uint64_t other = threadIdx.x >= step ? sums[threadIdx.x - step] : 0;
    __syncthreads();
    sums[threadIdx.x] += other;
    __syncthreads();
  }
  std::uint64_t sum = sums[threadIdx.x] - own;
  for (std::uint64_t i = begin; i < end; ++i) {
    const std::uint64_t value = values[i];
    values[i] = sum;
    sum += value;
  }
}

}  // namespace

void launchPlanes(const Launch& launch, const PlanesWork& work) {
  const unsigned blocks = blocksFor(work.chunk);
  countKernel<<<blocks, kTileThreads, 0, launch.stream>>>(work, launch.error);
  sumKernel<<<1, kScanThreads, 0, launch.stream>>>(work.starts, static_cast<std::uint64_t>(work.contexts) * work.chunk.tiles);
  fetchKernel<<<blocks, kTileThreads, 0, launch.stream>>>(work, launch.error);
}

}  // namespace deltascope::kernels::cuda
