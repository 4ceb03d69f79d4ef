// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Elements of any type as FP32 and back, rounded to nearest even.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/cuda/warp.cuh"
#include "kernels/ops/matrix.h"

namespace deltascope::kernels::cuda {

[[nodiscard]] __device__ __forceinline__ float toFloat(const void* p, ElementType type, std::size_t i) {
  switch (type) {
    case ElementType::F32:
      return static_cast<const float*>(p)[i];
    case ElementType::BF16:
      return __uint_as_float(static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(p)[i]) << 16);
    case ElementType::F16:
      break;
  }
  return __half2float(static_cast<const __half*>(p)[i]);
}

__device__ __forceinline__ void fromFloat(void* p, ElementType type, std::size_t i, float value) {
  switch (type) {
    case ElementType::F32:
      static_cast<float*>(p)[i] = value;
      return;
    case ElementType::BF16:
      static_cast<__nv_bfloat16*>(p)[i] = __float2bfloat16_rn(value);
      return;
    case ElementType::F16:
      static_cast<__half*>(p)[i] = __float2half_rn(value);
      return;
  }
}

/// What a norm multiplies with, as RmsNormArgs says it.
[[nodiscard]] __device__ __forceinline__ float normWeight(float weight, bool addOne) {
  return addOne ? __fadd_rn(weight, 1.0f) : weight;
}

}  // namespace deltascope::kernels::cuda
