// SPDX-License-Identifier: Apache-2.0
#include "core/base/number.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace deltascope {

double rounded(double value, int digits) {
  if (!std::isfinite(value)) return value;
  if (std::abs(value) < 0x1p53 && std::nearbyint(value) == value) return value;
  char text[64];
  const auto written = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, digits - 1);
  double nearest = value;
  std::from_chars(text, written.ptr, nearest);
  return nearest;
}

std::string numberText(double value) {
  if (!std::isfinite(value)) return {};
  value = rounded(value);
  if (std::abs(value) < 0x1p53 && std::nearbyint(value) == value) return std::to_string(static_cast<long long>(value));
  return fmt::format("{}", value);
}

std::string significantText(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size == 0) return "0";
  int exponent = static_cast<int>(std::floor(std::log10(size)));
  int decimals = std::clamp(digits - 1 - exponent, 0, 12);
  // 9.996 has the exponent 0 but is written 10.0.
  const double near = std::round(size * std::pow(10.0, decimals)) / std::pow(10.0, decimals);
  if (near > 0) exponent = static_cast<int>(std::floor(std::log10(near)));
  decimals = std::clamp(digits - 1 - exponent, 0, 12);
  std::string text = fmt::format("{:.{}f}", size, decimals);
  for (std::size_t i = std::min(text.find('.'), text.size()); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return (value < 0 ? "−" : "") + text;
}

ByteScale byteScale(std::uint64_t largest) {
  ByteScale scale;
  for (const std::string_view name : {"KiB", "MiB", "GiB", "TiB"}) {
    if (static_cast<double>(largest) / scale.factor < 10'000) break;
    scale = {name, scale.factor * 1024};
  }
  return scale;
}

std::string textIn(const ByteScale& scale, double bytes) {
  return significantText(bytes / scale.factor, scale.factor > 1 ? 3 : 1);  // bytes have no decimals
}

}  // namespace deltascope
