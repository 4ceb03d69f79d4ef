// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/decode/launch.h"
#include "kernels/cuda/decode/tiles.h"

namespace deltascope::kernels::cuda {
namespace {

struct Nothing {};

__global__ void __launch_bounds__(kTileThreads)
    residualKernel(const __grid_constant__ ResidualWork work, unsigned long long* error) {
  eachTile<ResidualShared>(work.chunk, work.rule, error,
                           [&](Warp& warp, ResidualShared& shared, const CodeTables& tables, std::uint32_t tile) {
                             residualTile(warp, shared, work, tables, tile);
                           });
}

__global__ void __launch_bounds__(kTileThreads) copyKernel(const __grid_constant__ Chunk chunk, unsigned long long* error) {
  eachTile<Nothing>(chunk, AnchorRule{}, error, [&](Warp& warp, Nothing&, const CodeTables& tables, std::uint32_t tile) {
    copyValues(warp, chunk, tables, tile);
  });
}

}  // namespace

void launchCopy(const Launch& launch, const Chunk& chunk) {
  copyKernel<<<blocksFor(chunk), kTileThreads, 0, launch.stream>>>(chunk, launch.error);
}

void launchResidual(const Launch& launch, const ResidualWork& work) {
  residualKernel<<<blocksFor(work.chunk), kTileThreads, 0, launch.stream>>>(work, launch.error);
}

}  // namespace deltascope::kernels::cuda
