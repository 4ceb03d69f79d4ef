// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Elements of matrices that lie in memory, as FP32: plain forms for embeddings, biases and odd shapes.
#include "kernels/ops/matrix.h"
#include "kernels/quantize.h"

namespace deltascope::kernels {

/// Elements [first, first + n), row-major, of any form but Made.
void elementsToFloat(const Matrix& matrix, std::uint64_t first, std::size_t n, float* into, Isa isa);

}  // namespace deltascope::kernels
