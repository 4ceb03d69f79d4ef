// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers from text and to text as Python reads and formats them.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace deltascope::jinja {

/// float("…"): white space around, underscores between digits, inf and nan.
[[nodiscard]] std::optional<double> parseFloat(std::string_view text);
/// int("…", base) for bases of 2 to 36; Unsupported beyond 64 bits, nothing where Python raises ValueError.
[[nodiscard]] Result<std::optional<std::int64_t>> parseInteger(std::string_view text, int base);
/// int(number); Unsupported beyond 64 bits, Corrupt for inf and nan.
[[nodiscard]] Result<std::int64_t> truncated(double number);
/// "%.{digits}f"
[[nodiscard]] std::string formatFixed(double number, int digits);
/// round(number, digits) for digits >= 0
[[nodiscard]] double rounded(double number, int digits);
[[nodiscard]] tl::unexpected<Error> beyond64Bits();

}  // namespace deltascope::jinja
