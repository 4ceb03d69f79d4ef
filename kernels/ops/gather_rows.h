// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rows of a matrix as FP32: the embedding lookup.
#include "kernels/ops/matrix.h"

namespace deltascope::kernels {

/// Of a Made matrix only the steps that hold the rows are made.
struct GatherRowsArgs {
  Matrix table;
  const std::uint32_t* rows = nullptr;  ///< [count], in host memory, each below table.rows
  std::uint32_t count = 0;
  float* into = nullptr;  ///< [count, table.columns]
};

}  // namespace deltascope::kernels
