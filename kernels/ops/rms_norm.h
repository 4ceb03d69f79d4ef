// SPDX-License-Identifier: Apache-2.0
#pragma once
/// y = x · rsqrt(mean(x²) + epsilon) · weight, row by row, in FP32 (Zhang & Sennrich 2019, as transformers' LlamaRMSNorm).
/// The squares are added with fma in 16 partial sums, column c to sum c mod 16, which are then added as a product's; rsqrt is 1
/// / sqrt, two roundings. The same bits on every instruction set and number of threads.
#include "kernels/ops/matrix.h"

namespace deltascope::kernels {

struct RmsNormArgs {
  const float* x = nullptr;      ///< [rows, columns]
  float* y = nullptr;            ///< [rows, columns]; may be x
  const void* weight = nullptr;  ///< [columns]; null: ones. A GPU: not null
  ElementType weightType = ElementType::BF16;
  std::uint32_t rows = 0, columns = 0;
  float epsilon = 1e-5f;
  bool addOne = false;  ///< times 1 + weight, that sum rounded to FP32
};

}  // namespace deltascope::kernels
