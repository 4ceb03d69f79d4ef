// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernels/cpu/lanes.h"

namespace deltascope::kernels {

/// e^x within 2 ulp for every float, gradual underflow and infinity included; exactly 1 at ±0. x = n·ln 2 + r, |r| ≤ ½ ln 2;
/// e^r by the polynomial of Cephes' expf (Moshier), e^x = e^r · 2^(n/2) · 2^(n − n/2) with one rounding at the end.
template <class L>
typename L::Vec expOf(typename L::Vec x) {
  const auto magic = L::set(0x1.8p23f);             // adding it rounds to an integer
  const auto toExponent = L::set(0x1.8p23f + 127);  // and leaves it, biased, in the low bits
  x = L::max(L::set(-105.0f), L::min(L::set(89.0f), x));
  const auto n = L::sub(L::fma(x, L::set(0x1.715476p+0f), magic), magic);
  auto r = L::fma(n, L::set(-0x1.62e400p-1f), x);
  r = L::fma(n, L::set(-0x1.7f7d1cp-20f), r);
  auto p = L::fma(L::set(1.9875691500e-4f), r, L::set(1.3981999507e-3f));
  p = L::fma(p, r, L::set(8.3334519073e-3f));
  p = L::fma(p, r, L::set(4.1665795894e-2f));
  p = L::fma(p, r, L::set(1.6666665459e-1f));
  p = L::fma(p, r, L::set(5.0000001201e-1f));
  const auto y = L::add(L::fma(p, L::mul(r, r), r), L::set(1.0f));
  const auto half = L::sub(L::fma(n, L::set(0.5f), magic), magic);
  const auto rest = L::sub(n, half);
  return L::mul(L::mul(y, L::bitsUp23(L::add(half, toExponent))), L::bitsUp23(L::add(rest, toExponent)));
}

/// The hyperbolic tangent within 4 ulp, ±1 at infinity. Up to ±0.625 by the polynomial of Cephes' tanhf (Moshier); beyond that
/// 1 − 2 / (e^2|x| + 1), as what is added to the value at 0.625: each part is constant where the other one counts.
template <class L>
typename L::Vec tanhOf(typename L::Vec x) {
  const auto zero = L::zero(), one = L::set(1.0f), two = L::set(2.0f), edge = L::set(0.625f);
  const auto near = L::min(edge, L::max(L::set(-0.625f), x));
  const auto square = L::mul(near, near);
  auto p = L::fma(L::set(-5.70498872745e-3f), square, L::set(2.06390887954e-2f));
  p = L::fma(p, square, L::set(-5.37397155531e-2f));
  p = L::fma(p, square, L::set(1.33314422036e-1f));
  p = L::fma(p, square, L::set(-3.33332819422e-1f));
  const auto small = L::fma(L::mul(p, square), near, near);
  const auto below = [&](typename L::Vec y) { return L::div(two, L::add(one, expOf<L>(L::mul(two, y)))); };
  const auto rest = L::sub(below(edge), below(L::max(edge, L::max(x, L::sub(zero, x)))));
  const auto sign = L::max(L::set(-1.0f), L::min(one, L::mul(x, L::set(0x1p100f))));
  return L::fma(sign, rest, small);
}

}  // namespace deltascope::kernels
