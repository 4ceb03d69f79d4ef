// SPDX-License-Identifier: Apache-2.0
#include "core/quant/bitsandbytes/parts.h"

#include <charconv>
#include <cmath>

namespace deltascope {
namespace {

/// As Python writes a float: the shortest digits that read back the same, plain between 1e-4 and 1e16.
std::string pythonFloat(double x) {
  std::array<char, 32> buffer{};
  const auto format =
      x == 0 || (std::fabs(x) >= 1e-4 && std::fabs(x) < 1e16) ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, format).ptr;
  std::string text(buffer.data(), end);
  if (format == std::chars_format::fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string withOffset(QuantFormat format, const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                       std::string_view offset, unsigned nestedBlocksize) {
  std::string text = R"({"quant_type": ")";
  text.append(nameOf(format)).append(R"(", "blocksize": )").append(std::to_string(blocksize));
  text.append(R"(, "dtype": ")").append(torchNameOf(dtype)).append(R"(", "shape": [)");
  for (std::size_t i = 0; i < shape.size(); ++i) text.append(i ? ", " : "").append(std::to_string(shape[i]));
  text += "]";
  if (!offset.empty()) {
    text.append(R"(, "nested_blocksize": )").append(std::to_string(nestedBlocksize));
    text.append(R"(, "nested_dtype": "float32", "nested_offset": )").append(offset);
  }
  return text + "}";
}

constexpr std::string_view kLongestOffset = "-1.1754943508222875e-38";  // 17 digits is all that a double needs

}  // namespace

std::string int8PartName(std::string_view weight, std::string_view part) {
  const bool linear = weight.ends_with(std::string(".").append(kWeight));
  std::string name(linear ? weight.substr(0, weight.size() - kWeight.size()) : weight);
  return name.append(linear ? "" : ".").append(part);
}

std::string stateJson(QuantFormat format, const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                      const NestedAbsmax* nested) {
  return nested ? withOffset(format, shape, dtype, blocksize, pythonFloat(nested->offset), nested->blocksize)
                : withOffset(format, shape, dtype, blocksize, {}, 0);
}

std::size_t stateJsonBound(QuantFormat format, const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                           bool doubleQuant) {
  return withOffset(format, shape, dtype, blocksize, doubleQuant ? kLongestOffset : std::string_view(), 256).size();
}

}  // namespace deltascope
