// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void denseProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  launchProduct<DenseSource>(machine, compute, parts, gated, 0, denseSourceOf);
}

}  // namespace deltascope::kernels::cuda
