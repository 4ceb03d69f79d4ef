// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/decode/launch.h"
#include "kernels/cuda/decode/tiles.h"

namespace deltascope::kernels::cuda {
namespace {

struct Nothing {};

__global__ void __launch_bounds__(kTileThreads)
    residualKernel(const __grid_constant__ Batch<ResidualWork> batch, unsigned long long* error) {
  const ResidualWork& work = batch.work[blockIdx.y];
  eachTile<ResidualShared>(work.chunk, work.rule, error,
                           [&](Warp& warp, ResidualShared& shared, const CodeTables& tables, std::uint32_t tile) {
                             residualTile(warp, shared, work, tables, tile);
                           });
}

__global__ void __launch_bounds__(kTileThreads)
    copyKernel(const __grid_constant__ Batch<Chunk> batch, unsigned long long* error) {
  const Chunk& chunk = batch.work[blockIdx.y];
  eachTile<Nothing>(chunk, AnchorRule{}, error, [&](Warp& warp, Nothing&, const CodeTables& tables, std::uint32_t tile) {
    copyValues(warp, chunk, tables, tile);
  });
}

}  // namespace

void launchCopy(const Launch& launch, std::span<const Chunk> chunks) {
  inBatches(
      chunks, [](const Chunk& chunk) { return chunk.tiles; },
      [&](const Batch<Chunk>& batch, dim3 grid) { copyKernel<<<grid, kTileThreads, 0, launch.stream>>>(batch, launch.error); });
}

void launchResidual(const Launch& launch, std::span<const ResidualWork> works) {
  inBatches(
      works, [](const ResidualWork& work) { return work.chunk.tiles; },
      [&](const Batch<ResidualWork>& batch, dim3 grid) {
        residualKernel<<<grid, kTileThreads, 0, launch.stream>>>(batch, launch.error);
      });
}

}  // namespace deltascope::kernels::cuda
