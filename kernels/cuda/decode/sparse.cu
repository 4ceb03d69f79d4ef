// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/decode/launch.h"
#include "kernels/cuda/decode/tiles.h"

namespace deltascope::kernels::cuda {
namespace {

__global__ void __launch_bounds__(kTileThreads)
    sparseKernel(const __grid_constant__ SparseWork work, unsigned long long* error) {
  eachTile<SparseShared>(work.chunk, AnchorRule{}, error,
                         [&](Warp& warp, SparseShared& shared, const CodeTables& tables, std::uint32_t tile) {
                           sparseTile(warp, shared, work, tables, tile);
                         });
}

}  // namespace

void launchSparse(const Launch& launch, const SparseWork& work) {
  sparseKernel<<<blocksFor(work.chunk), kTileThreads, 0, launch.stream>>>(work, launch.error);
}

}  // namespace deltascope::kernels::cuda
