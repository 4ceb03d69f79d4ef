// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sixteen floats at a time, in plain C++: the definition of what every instruction set does.
///
/// The inner loops of the operations are templates over such a type. Its siblings are Avx2Lanes and Avx512Lanes; each does the
/// same operations in the same order, so that the results have the same bits (but for the payload of a NaN).
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/quantize_scalar.h"
#include "kernels/half.h"
#include "kernels/ops/matrix.h"

namespace deltascope::kernels {

/// `Variant` only keeps translation units compiled for different processors apart.
template <int Variant>
struct ScalarLanes {
  static constexpr int kRows = 2, kTokens = 2;             ///< register block of a product over a panel
  static constexpr int kDirectTokens = 2;                  ///< so many tokens, or fewer, read the weights as they lie
  static constexpr int kDirectGroup = 2, kDirectRows = 2;  ///< and the register block for that
  using Vec = std::array<float, 16>;

  static Vec each(auto f) {
    Vec r;
    for (std::size_t i = 0; i < 16; ++i) r[i] = f(i);
    return r;
  }
  static Vec zero() { return {}; }
  static Vec set(float x) {
    return each([&](std::size_t) { return x; });
  }
  static Vec load(const float* from) {
    Vec r;
    std::memcpy(r.data(), from, sizeof r);
    return r;
  }
  /// The first n < 16; the others are zero.
  static Vec loadFirst(const float* from, std::size_t n) {
    Vec r{};
    std::memcpy(r.data(), from, n * sizeof(float));
    return r;
  }
  static Vec loadBf16(const std::uint16_t* from) {
    return each([&](std::size_t i) { return fromBf16(from[i]); });
  }
  static void store(float* into, const Vec& x) { std::memcpy(into, x.data(), sizeof x); }
  static void storeFirst(float* into, const Vec& x, std::size_t n) { std::memcpy(into, x.data(), n * sizeof(float)); }

  static Vec add(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a[i] + b[i]; });
  }
  static Vec sub(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a[i] - b[i]; });
  }
  static Vec mul(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a[i] * b[i]; });
  }
  static Vec div(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a[i] / b[i]; });
  }
  /// b where either is NaN.
  static Vec max(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a[i] > b[i] ? a[i] : b[i]; });
  }
  static Vec min(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a[i] < b[i] ? a[i] : b[i]; });
  }
  /// a · b + c, rounded once.
  static Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    return each([&](std::size_t i) { return __builtin_fmaf(a[i], b[i], c[i]); });
  }
  /// Only in the first n lanes; c in the others.
  static Vec fmaFirst(const Vec& a, const Vec& b, const Vec& c, std::size_t n) {
    Vec r = c;
    for (std::size_t i = 0; i < n; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return r;
  }
  /// The bits moved 23 places up: a small integer behind a magic number becomes an exponent.
  static Vec bitsUp23(const Vec& a) {
    return each([&](std::size_t i) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a[i]) << 23); });
  }
  /// 32 floats as those at even and those at odd places.
  static void split(const float* from, Vec& even, Vec& odd) {
    even = each([&](std::size_t i) { return from[2 * i]; });
    odd = each([&](std::size_t i) { return from[2 * i + 1]; });
  }
  template <ElementType T>
  static Vec roundTo(const Vec& x) {
    if constexpr (T == ElementType::F32) return x;
    return each([&](std::size_t i) {
      if constexpr (T == ElementType::F16) return fromF16(toF16KeepingNan(x[i]));
      return fromBf16(toBf16KeepingNan(x[i]));
    });
  }
  /// 32 elements of a matrix as those in even and those in odd columns.
  template <ElementType T>
  static void loadPairs(const std::byte* from, Vec& even, Vec& odd) {
    float wide[32];
    if constexpr (T == ElementType::F32) {
      std::memcpy(wide, from, sizeof wide);
    } else {
      std::uint16_t halves[32];
      std::memcpy(halves, from, sizeof halves);
      for (std::size_t i = 0; i < 32; ++i) wide[i] = T == ElementType::F16 ? fromF16(halves[i]) : fromBf16(halves[i]);
    }
    split(wide, even, odd);
  }
  /// The same from sixteen bytes of two codes, by the sixteen values that codes have here.
  static void lookUpPairs(const std::uint8_t* codes, const Vec& values, Vec& even, Vec& odd) {
    even = each([&](std::size_t i) { return values[codes[i] >> 4]; });
    odd = each([&](std::size_t i) { return values[codes[i] & 15]; });
  }
  /// And from 32 signed bytes: (q · scale) · FP32(1 / 127), rounded to `T`.
  template <ElementType T>
  static void int8Pairs(const std::uint8_t* codes, const Vec& scale, Vec& even, Vec& odd) {
    const auto value = [&](std::size_t i) { return static_cast<float>(static_cast<std::int8_t>(codes[i])); };
    even = roundTo<T>(mul(mul(each([&](std::size_t i) { return value(2 * i); }), scale), set(scalar::kInverse127)));
    odd = roundTo<T>(mul(mul(each([&](std::size_t i) { return value(2 * i + 1); }), scale), set(scalar::kInverse127)));
  }
  /// s[j] + s[j + 8], then 4, 2 and 1 apart.
  static float sum(const Vec& x) {
    Vec s = x;
    for (std::size_t half = 8; half > 0; half /= 2)
      for (std::size_t j = 0; j < half; ++j) s[j] += s[j + half];
    return s[0];
  }
  /// The largest; any where one is NaN.
  static float largest(const Vec& x) {
    Vec s = x;
    for (std::size_t half = 8; half > 0; half /= 2)
      for (std::size_t j = 0; j < half; ++j) s[j] = s[j] > s[j + half] ? s[j] : s[j + half];
    return s[0];
  }

  /// Products of weights that these lanes read in a way of their own; false where this is none.
  static bool runLookedUp(auto&) { return false; }
};

}  // namespace deltascope::kernels
