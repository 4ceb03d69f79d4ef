// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void denseProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts) {
  launchProduct<DenseSource>(machine, how, parts, denseSourceOf);
}

}  // namespace deltascope::kernels::cuda
