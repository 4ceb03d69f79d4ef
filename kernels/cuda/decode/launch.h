// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Launches of the kernels that decode a chunk, asynchronous on `stream`; faults go to the device word `error`.
#include <cuda_runtime.h>

#include <span>

#include "kernels/cuda/decode/elements.h"
#include "kernels/cuda/decode/planes_tile.h"
#include "kernels/cuda/decode/residual_tile.h"
#include "kernels/cuda/decode/sparse_tile.h"

namespace deltascope::kernels::cuda {

struct Launch {
  cudaStream_t stream = nullptr;
  unsigned long long* error = nullptr;
};

// Several chunks at a time: one has too few tiles to fill a GPU.
void launchCopy(const Launch& launch, std::span<const Chunk> chunks);  ///< the base's values
void launchResidual(const Launch& launch, std::span<const ResidualWork> works);
void launchSparse(const Launch& launch, std::span<const SparseWork> works);
void launchPlanes(const Launch& launch, const PlanesWork& work);
void launchLowRank(const Launch& launch, const LowRankWork& work);
void launchAdditive(const Launch& launch, const Chunk& chunk);

}  // namespace deltascope::kernels::cuda
