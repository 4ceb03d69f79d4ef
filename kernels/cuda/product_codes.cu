// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void codeProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts) {
  launchProducts<CodeSource>(machine, how, parts, codeSourceOf);
}

}  // namespace deltascope::kernels::cuda
