// SPDX-License-Identifier: Apache-2.0
#include "core/payload/fingerprint.h"

#include <cinttypes>
#include <cstdio>

namespace deltascope {
namespace {

constexpr std::string_view kPrefix = "deltascope.";
constexpr std::string_view kChecksumKey = "deltascope.checksum";

}  // namespace

std::string baseFingerprint(std::span<const TensorStats> tensors) {
  std::string text;
  for (const auto& t : tensors) {
    if (t.base == BaseKind::None) continue;
    text.append(t.name).append("\t").append(nameOf(t.base)).append("\t");
    for (std::size_t i = 0; i < t.shape.size(); ++i) text.append(i ? "x" : "").append(std::to_string(t.shape[i]));
    text.append("\t").append(toHex(t.baseHash)).append("\n");
  }
  return toHex(hash128(std::as_bytes(std::span(text))));
}

std::string metadataChecksum(const std::map<std::string, std::string>& metadata) {
  std::string text;
  for (const auto& [key, value] : metadata)
    if (key.starts_with(kPrefix) && key != kChecksumKey) text.append(key).append("\t").append(value).append("\n");
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016" PRIx64, hash64(std::as_bytes(std::span(text))));
  return hex;
}

}  // namespace deltascope
