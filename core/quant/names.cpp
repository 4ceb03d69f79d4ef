// SPDX-License-Identifier: Apache-2.0
#include "core/quant/quant.h"

namespace deltascope {

std::string_view nameOf(QuantFormat format) {
  constexpr std::array<std::string_view, 3> names{"nf4", "fp4", "int8"};
  return names[static_cast<std::size_t>(format)];
}

std::optional<QuantFormat> quantFormatFromName(std::string_view name) {
  for (auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8})
    if (nameOf(format) == name) return format;
  return std::nullopt;
}

}  // namespace deltascope
