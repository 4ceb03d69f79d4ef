// SPDX-License-Identifier: Apache-2.0
#pragma once
/// y = x · Wᵀ (+ bias) (+ y): every product of the forward pass.
#include "kernels/ops/matrix.h"

namespace deltascope::kernels {

/// Elements are widened to FP32 and multiplied and added in FP32 with one rounding (fma), in an order that depends on the
/// column alone: partial sum j of 16 adds up the columns 32k + 2j and 32k + 2j + 1 for k ascending, starting from +0; a row
/// whose length is no multiple of 32 is continued with zero weights that are not added. Then s[j] += s[j + 8] for j < 8, s[j]
/// += s[j + 4] for j < 4, s[j] += s[j + 2] for j < 2, s[0] += s[1]; bias is added to that; with `accumulate`, y is added to the
/// result. Of a transposed weight, y = x · W: from +0, for each run of 64 rows, the last one shorter, the run's own sum is
/// added, which adds up its rows ascending, from +0, with one rounding each. So a product has the same bits whatever the form
/// of the weight, the number of tokens in a call, of threads, or the instruction set.
struct MatmulArgs {
  Matrix weight;
  const float* x = nullptr;  ///< [tokens, columns]; of a transposed weight [tokens, rows]
  float* y = nullptr;        ///< [tokens, rows]; of a transposed weight [tokens, columns]; does not overlap x
  std::uint32_t tokens = 1;
  const void* bias = nullptr;  ///< one for each y of a token, of `biasType`, or null
  ElementType biasType = ElementType::F32;
  bool accumulate = false;  ///< add to what y holds
  /// The result only proposes a token: a device may take the base of the weight alone and round as it likes.
  bool draft = false;
};

}  // namespace deltascope::kernels
