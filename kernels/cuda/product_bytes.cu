// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void byteProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  launchProduct<ByteSource>(machine, compute, parts, gated, 0, byteSourceOf);
}

}  // namespace deltascope::kernels::cuda
