// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void prefixProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  launchProduct<TileSource<PrefixReader>>(machine, compute, parts, gated, slotBytesOf(parts), tileSourceOf<PrefixReader>);
}

}  // namespace deltascope::kernels::cuda
