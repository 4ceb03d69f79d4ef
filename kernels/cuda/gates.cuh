// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The functions of kernels/ops/elementwise.h, of one number; every operation is rounded once, so that they have the same bits
/// wherever they stand.
#include <cmath>

namespace deltascope::kernels::cuda {

__device__ __forceinline__ float siluOf(float x) { return __fdiv_rn(x, __fadd_rn(1.0f, expf(-x))); }

__device__ __forceinline__ float geluOf(float x) {
  constexpr float kCubic = 0.044715f, kScale = -1.5957691216f;  // −2 · √(2/π)
  const float exponent = __fmul_rn(kScale, __fmaf_rn(kCubic, __fmul_rn(__fmul_rn(x, x), x), x));
  return __fdiv_rn(x, __fadd_rn(1.0f, expf(exponent)));
}

/// Within 4 ulp. Up to 0.625 the polynomial of Cephes' tanhf (Moshier), beyond that ±(1 − 2 / (e^2|x| + 1)).
__device__ __forceinline__ float tanhOf(float x) {
  const float magnitude = fabsf(x);
  if (magnitude <= 0.625f) {
    const float square = __fmul_rn(x, x);
    float p = __fmaf_rn(-5.70498872745e-3f, square, 2.06390887954e-2f);
    p = __fmaf_rn(p, square, -5.37397155531e-2f);
    p = __fmaf_rn(p, square, 1.33314422036e-1f);
    p = __fmaf_rn(p, square, -3.33332819422e-1f);
    return __fmaf_rn(__fmul_rn(p, square), x, x);
  }
  const float rest = __fdiv_rn(2.0f, __fadd_rn(1.0f, expf(__fmul_rn(2.0f, magnitude))));
  return copysignf(__fsub_rn(1.0f, rest), x);
}

__device__ __forceinline__ float capOf(float x, float cap) { return __fmul_rn(cap, tanhOf(__fdiv_rn(x, cap))); }

}  // namespace deltascope::kernels::cuda
