// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void byteProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts) {
  launchProducts<ByteSource>(machine, how, parts, byteSourceOf);
}

}  // namespace deltascope::kernels::cuda
