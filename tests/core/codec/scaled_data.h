// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers as codes with scales apart, for tests: the plainest quantizers that give typical ones.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "core/quant/base_format.h"

namespace deltascope::testing {

/// Of the seven bits of E4M3 without its sign, by the format's definition.
inline float e4m3(unsigned bits) {
  const unsigned exponent = bits >> 3, mantissa = bits & 7;
  return exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                       : std::ldexp(static_cast<float>(8 + mantissa), static_cast<int>(exponent) - 10);
}

inline std::uint8_t nearestE4m3(float value) {
  const float size = std::fabs(value);
  unsigned best = 0;
  for (unsigned step = 64; step > 0; step /= 2)
    if (best + step <= 126 && e4m3(best + step) <= size) best += step;
  if (best < 126 && e4m3(best + 1) - size < size - e4m3(best)) ++best;
  return static_cast<std::uint8_t>(best | (std::signbit(value) ? 0x80u : 0u));
}

struct ScaledCodes {
  std::vector<std::uint8_t> codes;
  std::vector<float> parameters;
};

/// Rows of `columns` elements, in groups that begin anew with each. Every other group of W8 and W4 has a zero.
inline ScaledCodes quantizeScaled(BaseKind kind, std::span<const float> values, std::uint64_t group, std::uint64_t columns) {
  BaseLayout layout = formatOf(kind).layout(group);
  layout.columns = columns;
  const IndexRange all{0, values.size()};
  ScaledCodes made{std::vector<std::uint8_t>(layout.codesOf(all).count), std::vector<float>(layout.scalesOf(all).count)};
  const auto largest = [&](std::uint64_t first) {
    float most = 0;
    const std::uint64_t own = layout.scalesOf({first, 1}).first;
    for (std::uint64_t i = first; i < values.size() && layout.scalesOf({i, 1}).first == own; ++i)
      if (std::isfinite(values[i])) most = std::max(most, std::fabs(values[i]));
    return std::min(most, 100.0F);
  };
  const float limit = kind == BaseKind::Fp8 ? 448.0F : kind == BaseKind::W8 ? 120.0F : 6.0F;
  std::uint64_t last = UINT64_MAX;
  float scale = 0, zero = 0;
  for (std::uint64_t i = 0; i < values.size(); ++i) {
    if (const std::uint64_t place = layout.scalesOf({i, 1}).first; place != last) {
      last = place;
      scale = largest(i) / limit;
      zero = place / 2 % 2 ? 2.0F : 0.0F;
      made.parameters[place] = scale;
      if (layout.parameters == 2) made.parameters[place + 1] = zero;
    }
    const float ratio = scale > 0 && std::isfinite(values[i]) ? std::clamp(values[i] / scale, -limit, limit) : 0.0F;
    if (kind == BaseKind::Fp8) {
      made.codes[i] = nearestE4m3(ratio);
      continue;
    }
    const int code = static_cast<int>(std::lrint(ratio + zero));
    if (kind == BaseKind::W8)
      made.codes[i] = static_cast<std::uint8_t>(std::clamp(code, -128, 127));
    else
      made.codes[i / 2] = static_cast<std::uint8_t>(made.codes[i / 2] | (std::clamp(code, -8, 7) + 8) << (i % 2 ? 0 : 4));
  }
  return made;
}

}  // namespace deltascope::testing
