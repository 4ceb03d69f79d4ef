// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Norm and rotation of one head, by one warp.
#include "kernels/cuda/elements.cuh"
#include "kernels/ops/layer.h"

namespace deltascope::kernels::cuda {

struct HeadNorm {
  const void* weight;  ///< null: none
  ElementType type;
  float epsilon;
  bool addOne;  ///< as RmsNormArgs
};
/// Of a head its first `elements`, as RopeArgs; 0: nothing turns.
struct HeadTurn {
  const float *cosine, *sine;  ///< of the token
  std::uint32_t elements;
};
/// Of the pass's first token.
[[nodiscard]] inline HeadTurn turnOf(const AttendArgs& args) {
  return {args.cosine, args.sine, !args.cosine ? 0 : args.rotated ? args.rotated : args.cache.headDim};
}

__device__ __forceinline__ void rotate(float& a, float& b, float cosine, float sine) {
  const float first = __fsub_rn(__fmul_rn(a, cosine), __fmul_rn(b, sine));
  b = __fadd_rn(__fmul_rn(b, cosine), __fmul_rn(a, sine));
  a = first;
}

/// Calls put(d, value) for each element of the head.
template <class Put>
__device__ __forceinline__ void rotateHead(const float* x, std::uint32_t dim, const HeadNorm& norm, const HeadTurn& turn,
                                           unsigned lane, Put&& put) {
  const std::uint32_t half = turn.elements / 2;
  float scale = 1;
  if (norm.weight) {
    float squares = 0;
    for (std::uint32_t d = lane; d < dim; d += kWarp) squares = __fmaf_rn(x[d], x[d], squares);
    const float mean = __fdiv_rn(sumOfLanes(squares), static_cast<float>(dim));
    scale = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(mean, norm.epsilon)));
  }
  const auto normed = [&](std::uint32_t d) {
    if (!norm.weight) return x[d];
    return __fmul_rn(__fmul_rn(x[d], scale), normWeight(toFloat(norm.weight, norm.type, d), norm.addOne));
  };
  for (std::uint32_t j = lane; j < half; j += kWarp) {
    float a = normed(j), b = normed(j + half);
    rotate(a, b, turn.cosine[j], turn.sine[j]);
    put(j, a);
    put(j + half, b);
  }
  for (std::uint32_t d = 2 * half + lane; d < dim; d += kWarp) put(d, normed(d));
}

}  // namespace deltascope::kernels::cuda
