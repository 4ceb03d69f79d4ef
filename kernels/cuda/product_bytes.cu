// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void byteProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts) {
  if (machine.clusters)  // Hopper has room for the wide table
    launchProducts<PairSource<true>>(machine, how, parts, pairSourceOf<true>);
  else
    launchProducts<PairSource<false>>(machine, how, parts, pairSourceOf<false>);
}

}  // namespace deltascope::kernels::cuda
