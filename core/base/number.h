// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Figures as text, the same in every file, table and chart.
#include <cstdint>
#include <string>
#include <string_view>

namespace deltascope {

/// Nine significant digits: a nanosecond in a second, more than any clock here tells. What arithmetic adds below that is no
/// measurement.
inline constexpr int kMeasuredDigits = 9;
/// The double nearest to `value` at that many significant digits: it prints without dust. Integers below 2^53, and what is not
/// finite, stay as they are.
[[nodiscard]] double rounded(double value, int digits = kMeasuredDigits);
/// rounded(), in the fewest digits that read back as the same double: "0.000122", "1.77", "14680064"; '.' decimals, no groups;
/// an exponent only where the plain form is longer. Empty when not finite.
[[nodiscard]] std::string numberText(double value);
/// For the eye: three significant figures (or `digits`), ',' groups, a true minus sign, never an exponent: "6.62", "0.0293",
/// "1,234", "–" when not finite.
[[nodiscard]] std::string significantText(double value, int digits = 3);

/// One unit for a whole column or axis of bytes, so that its numbers compare at a glance.
struct ByteScale {
  std::string_view name = "B";
  double factor = 1;
};
/// The binary unit in which `largest` bytes is below 10,000.
[[nodiscard]] ByteScale byteScale(std::uint64_t largest);
/// The number without its unit: three significant figures, whole bytes exactly.
[[nodiscard]] std::string textIn(const ByteScale& scale, double bytes);

}  // namespace deltascope
