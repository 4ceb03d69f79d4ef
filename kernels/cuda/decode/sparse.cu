// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/decode/launch.h"
#include "kernels/cuda/decode/tiles.h"

namespace deltascope::kernels::cuda {
namespace {

__global__ void __launch_bounds__(kTileThreads)
    sparseKernel(const __grid_constant__ Batch<SparseWork> batch, unsigned long long* error) {
  const SparseWork& work = batch.work[blockIdx.y];
  eachTile<SparseShared>(work.chunk, AnchorRule{}, error,
                         [&](Warp& warp, SparseShared& shared, const CodeTables& tables, std::uint32_t tile) {
                           sparseTile(warp, shared, work, tables, tile);
                         });
}

}  // namespace

void launchSparse(const Launch& launch, std::span<const SparseWork> works) {
  inBatches(
      works, [](const SparseWork& work) { return work.chunk.tiles; },
      [&](const Batch<SparseWork>& batch, dim3 grid) {
        sparseKernel<<<grid, kTileThreads, 0, launch.stream>>>(batch, launch.error);
      });
}

}  // namespace deltascope::kernels::cuda
