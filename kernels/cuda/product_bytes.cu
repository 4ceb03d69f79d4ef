// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void byteProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts) {
  launchProduct<ByteSource>(machine, how, parts, byteSourceOf);
}

}  // namespace deltascope::kernels::cuda
