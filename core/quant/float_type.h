// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How this folder speaks to the kernels.
#include "core/checkpoint/dtype.h"
#include "kernels/quantize.h"

namespace deltascope {

[[nodiscard]] constexpr kernels::FloatType floatType(DType dtype) {
  return dtype == DType::F32   ? kernels::FloatType::F32
         : dtype == DType::F16 ? kernels::FloatType::F16
                               : kernels::FloatType::BF16;
}

}  // namespace deltascope
