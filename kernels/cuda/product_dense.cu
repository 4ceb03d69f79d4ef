// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void denseProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts) {
  launchProducts<DenseSource>(machine, how, parts, denseSourceOf);
}

}  // namespace deltascope::kernels::cuda
