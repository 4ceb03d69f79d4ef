// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Numbers as the window writes them: '.' decimals and ',' groups whatever the locale, so that screen, charts and files agree.
#include <QString>
#include <cstdint>

namespace deltascope::ui {

/// Three significant figures (or `digits`), never an exponent: "6.62", "0.0293", "44.9", "1,234", "–" when not finite.
[[nodiscard]] QString significant(double value, int digits = 3);
/// As files have it, for tooltips: the digits that were measured, without groups: "206.48123", "0.000122"; empty when not
/// finite.
[[nodiscard]] QString exactNumber(double value);
/// "4,194,304".
[[nodiscard]] QString exactCount(std::uint64_t n);
/// Signed, with a true minus sign: "−1,024".
[[nodiscard]] QString exactInteger(std::int64_t n);
/// For axes: "0", "250", "20 k", "1.5 M".
[[nodiscard]] QString compactCount(double value);
/// Of milliseconds, for axes: "0", "100 ns", "20 µs", "3 ms", "1.5 s".
[[nodiscard]] QString durationText(double milliseconds);
/// "2.93 %" of a share 0…1.
[[nodiscard]] QString percentText(double share);

/// A unit for a whole column or axis, so that its numbers carry none.
struct Unit {
  QString name;       ///< "KiB"; "k"; empty for ones
  double factor = 1;  ///< how many ones it is
};
/// The binary unit in which `largest` bytes is below 10,000.
[[nodiscard]] Unit byteUnit(std::uint64_t largest);
/// Thousands or millions, by the same rule; name empty, "k", "M" or "G".
[[nodiscard]] Unit countUnit(std::uint64_t largest);
/// "41.1 KiB": one amount with its unit, three figures.
[[nodiscard]] QString byteText(std::uint64_t bytes);
/// "8.39 M": one amount with its unit, three figures; exact below 10,000.
[[nodiscard]] QString countText(std::uint64_t n);

}  // namespace deltascope::ui
