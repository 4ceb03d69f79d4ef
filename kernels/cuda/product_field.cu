// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

void fieldProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  launchProduct<TileSource<FieldReader>>(machine, compute, parts, gated, slotBytesOf(parts), tileSourceOf<FieldReader>);
}

}  // namespace deltascope::kernels::cuda
