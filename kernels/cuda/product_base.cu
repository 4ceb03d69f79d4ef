// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void baseProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  launchProduct<BaseSource>(machine, compute, parts, gated, 0, baseSourceOf);
}

}  // namespace deltascope::kernels::cuda
