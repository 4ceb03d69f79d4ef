// SPDX-License-Identifier: Apache-2.0
// `lowrank` and `additive`.
#include <algorithm>

#include "kernels/cuda/decode/launch.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr std::uint64_t kMostBlocks = 1u << 20;
constexpr unsigned kElementBlocks = 1024;

__device__ __forceinline__ std::uint64_t thread() { return static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ std::uint64_t threads() { return static_cast<std::uint64_t>(gridDim.x) * blockDim.x; }

/// A block takes 256 columns of eight rows at a time, from `firstRow` on.
__global__ void __launch_bounds__(kThreads)
    lowRankKernel(const __grid_constant__ LowRankWork work, std::uint64_t firstRow, std::uint64_t wide, std::uint64_t parts) {
  __shared__ CodeTables tables;
  if (threadIdx.x < 16) fillTables(work.chunk.base, AnchorRule{}, threadIdx.x, tables);
  __syncthreads();
  for (std::uint64_t part = blockIdx.x; part < parts; part += gridDim.x) {
    const std::uint64_t column = part % wide * kThreads + threadIdx.x;
    if (column < work.columns) lowRankColumn(work, tables, firstRow + part / wide * kRowsEach, column);
  }
}

/// The first block reads corrections; where the chunk holds the elements themselves, all copy them.
__global__ void __launch_bounds__(kThreads) correctKernel(const __grid_constant__ Chunk chunk, unsigned long long* error) {
  __shared__ alignas(16) unsigned char room[sizeof(CorrectionsShared)];
  if (holdsElements(chunk))
    for (std::uint64_t i = thread(); i < chunk.base.count; i += threads()) copyElement(chunk, i);
  if (blockIdx.x > 0 || threadIdx.x >= kWarp) return;
  Warp warp(error, chunk.number);
  correctChunk(warp, *reinterpret_cast<CorrectionsShared*>(room), chunk);
}

__device__ __forceinline__ void report(unsigned long long* error, std::uint32_t number, Fault fault) {
  if (fault != Fault::None) atomicMin(error, errorWord(number, fault));
}

__global__ void __launch_bounds__(kThreads) differencesKernel(const __grid_constant__ Chunk chunk, unsigned long long* error) {
  const AdditiveParts parts = readAdditive(chunk);
  report(error, chunk.number, parts.fault);
  for (std::uint64_t n = thread(); n < parts.differences; n += threads())
    report(error, chunk.number, addDifference(chunk, parts, static_cast<std::uint32_t>(n)));
}

__global__ void __launch_bounds__(kThreads) replaceKernel(const __grid_constant__ Chunk chunk, unsigned long long* error) {
  const AdditiveParts parts = readAdditive(chunk);
  for (std::uint64_t n = thread(); n < parts.corrections; n += threads())
    report(error, chunk.number, correctElement(chunk, parts, static_cast<std::uint32_t>(n)));
}

unsigned elementBlocks(std::uint64_t count) {
  return static_cast<unsigned>(std::clamp<std::uint64_t>((count + kThreads - 1) / kThreads, 1, kElementBlocks));
}

}  // namespace

void launchLowRank(const Launch& launch, const LowRankWork& work) {
  const DeviceBase& base = work.chunk.base;
  const std::uint64_t firstRow = base.first / work.columns, lastRow = (base.first + base.count - 1) / work.columns;
  const std::uint64_t wide = (work.columns + kThreads - 1) / kThreads;
  const std::uint64_t parts = wide * ((lastRow - firstRow) / kRowsEach + 1);
  lowRankKernel<<<static_cast<unsigned>(std::min(parts, kMostBlocks)), kThreads, 0, launch.stream>>>(work, firstRow, wide,
                                                                                                     parts);
  if (work.chunk.size) correctKernel<<<elementBlocks(base.count), kThreads, 0, launch.stream>>>(work.chunk, launch.error);
}

void launchAdditive(const Launch& launch, const Chunk& chunk) {
  launchCopy(launch, {&chunk, 1});
  const unsigned blocks = elementBlocks(chunk.base.count);
  differencesKernel<<<blocks, kThreads, 0, launch.stream>>>(chunk, launch.error);
  replaceKernel<<<blocks, kThreads, 0, launch.stream>>>(chunk, launch.error);
}

}  // namespace deltascope::kernels::cuda
