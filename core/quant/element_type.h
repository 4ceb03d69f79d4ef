// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The coded float types as the kernels name them.
#include "core/checkpoint/dtype.h"
#include "kernels/element_type.h"

namespace deltascope {

/// `dtype` is a coded float.
[[nodiscard]] constexpr kernels::ElementType elementType(DType dtype) {
  return dtype == DType::F32   ? kernels::ElementType::F32
         : dtype == DType::F16 ? kernels::ElementType::F16
                               : kernels::ElementType::BF16;
}
/// The 16-bit type that anchors of finals of this type are rounded to: of FP32 finals the upper half is coded, as BF16.
[[nodiscard]] constexpr kernels::ElementType anchorType(DType finalType) {
  return finalType == DType::F16 ? kernels::ElementType::F16 : kernels::ElementType::BF16;
}

}  // namespace deltascope
