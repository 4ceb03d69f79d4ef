// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The lossless check of a weight where it is: what its products would see, bit for bit. Internal to core/bench.
#include "core/bench/tensor_bench.h"

namespace deltascope {

/// `weight` is ready for one use. Sources are asked for every element; what a device makes inside its products is looked up row
/// by row, as FP32, which tells all bit patterns apart.
[[nodiscard]] Result<Comparison> verifyMatrix(const BenchmarkPlace& place, const TensorOrigin& origin,
                                              const kernels::Matrix& weight, const FinalWeight& final);

/// The elements at `elements` on the device, all there.
[[nodiscard]] Result<void> compareDense(const BenchmarkPlace& place, const void* elements, std::uint64_t elementBytes,
                                        const FinalWeight& final, Comparison& comparison);

}  // namespace deltascope
