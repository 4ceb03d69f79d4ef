// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Weights whose codes lie together and whose scales lie apart, a group of columns each: `(code − zero) · scale`.
///
/// A code less its zero is exact in FP32, so that an element has one rounding, that of the product, and no fusing of operations
/// changes its bits.
#include <cstddef>
#include <cstdint>

namespace deltascope::kernels {

enum class Isa : std::uint8_t;

enum class ScaledType : std::uint8_t {
  Fp8,     ///< a byte each, E4M3 without infinities (S.1111.111 is NaN); no zeros
  Bytes,   ///< a byte each, two's complement
  Nibbles  ///< two in a byte, the even element in the high half; code − 8
};
inline constexpr std::size_t kScaledTypes = 3;
/// Floats a group: its scale, and its zero where there is one.
[[nodiscard]] constexpr unsigned parametersOf(ScaledType type) { return type == ScaledType::Fp8 ? 1 : 2; }

/// A run of elements. Pointers are borrowed; codes begin with the run's first element, parameters with its group's.
struct ScaledRun {
  ScaledType type = ScaledType::Fp8;
  const std::uint8_t* codes = nullptr;
  const float* parameters = nullptr;
  std::uint64_t group = 1;    ///< elements that share parameters
  std::uint64_t columns = 0;  ///< elements a row, with which groups begin anew; 0: groups run on
  std::uint64_t column = 0;   ///< of the first element: in its row, or in its group where groups run on
  std::size_t count = 0;
};

/// FP32 values. A NaN's sign and payload are not promised.
void scaledValues(const ScaledRun& run, float* into, Isa isa);
/// Whether all scales are +0 or within [2^-100, 2^100].
[[nodiscard]] bool scaledUsable(const ScaledRun& run);

/// What anchors and contexts are made of (residual.h): the sixteen-bit pattern of the bin's edge nearer zero, and a number
/// below kScaledContexts. Of usable scales; `count` elements each.
inline constexpr std::size_t kScaledContexts = 64;
void scaledAnchors(const ScaledRun& run, bool toF16, std::uint16_t* anchors, std::uint8_t* contexts, Isa isa);

}  // namespace deltascope::kernels
