// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Norm and rotation of one head, by one warp.
#include "kernels/cuda/elements.cuh"

namespace deltascope::kernels::cuda {

struct HeadNorm {
  const void* weight;  ///< null: none
  ElementType type;
  float epsilon;
};

__device__ __forceinline__ void rotate(float& a, float& b, float cosine, float sine) {
  const float first = __fsub_rn(__fmul_rn(a, cosine), __fmul_rn(b, sine));
  b = __fadd_rn(__fmul_rn(b, cosine), __fmul_rn(a, sine));
  a = first;
}

/// Calls put(d, value) for each element of the head.
template <class Put>
__device__ __forceinline__ void rotateHead(const float* x, std::uint32_t dim, const HeadNorm& norm, const float* cosine,
                                           const float* sine, unsigned lane, Put&& put) {
  const std::uint32_t half = dim / 2;
  float scale = 1;
  if (norm.weight) {
    float squares = 0;
    for (std::uint32_t d = lane; d < dim; d += kWarp) squares = __fmaf_rn(x[d], x[d], squares);
    const float mean = __fdiv_rn(sumOfLanes(squares), static_cast<float>(dim));
    scale = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(mean, norm.epsilon)));
  }
  for (std::uint32_t j = lane; j < half; j += kWarp) {
    float a = x[j], b = x[j + half];
    if (norm.weight) {
      a = __fmul_rn(__fmul_rn(a, scale), toFloat(norm.weight, norm.type, j));
      b = __fmul_rn(__fmul_rn(b, scale), toFloat(norm.weight, norm.type, j + half));
    }
    rotate(a, b, cosine[j], sine[j]);
    put(j, a);
    put(j + half, b);
  }
}

}  // namespace deltascope::kernels::cuda
