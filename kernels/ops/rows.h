// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rows of activations that lie apart, copied together or added to others.
#include <cstdint>

namespace deltascope::kernels {

/// Columns [0, columns) of rows that lie `stride` floats apart, to rows one after another. They do not overlap.
struct CopyRowsArgs {
  float* to = nullptr;          ///< [rows, columns]
  const float* from = nullptr;  ///< [rows, stride]
  std::uint64_t rows = 0, columns = 0, stride = 0;
};

/// into[rows[i]] = into[rows[i]] + weights[i] · x[i]: of each number a product and a sum, each rounded to FP32. The same bits
/// on every device.
struct AddRowsArgs {
  const float* x = nullptr;             ///< [count, columns]
  const std::uint32_t* rows = nullptr;  ///< [count], in host memory, each once
  const float* weights = nullptr;       ///< [count], in host memory
  float* into = nullptr;                ///< [more than any of rows, columns]
  std::uint64_t count = 0, columns = 0;
};

}  // namespace deltascope::kernels
