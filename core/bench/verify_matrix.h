// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The lossless check of a weight where it is: what its products would see, bit for bit. Internal to core/bench.
#include "core/bench/tensor_bench.h"

namespace deltascope {

/// `weight` is ready for one use. Sources are asked for every element; what a device makes inside its products is looked up row
/// by row, as FP32, which tells all bit patterns apart.
[[nodiscard]] Result<Comparison> verifyMatrix(const BenchmarkPlace& place, const TensorOrigin& origin,
                                              const kernels::Matrix& weight, const FinalWeight& final);

}  // namespace deltascope
