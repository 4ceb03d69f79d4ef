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
    text.append(t.nameInBase()).append("\t").append(nameOf(t.base)).append("\t");
    const auto& shape = t.shapeOfBase();
    for (std::size_t i = 0; i < shape.size(); ++i) text.append(i ? "x" : "").append(std::to_string(shape[i]));
    text.append("\t").append(toHex(t.baseHash)).append("\n");
  }
  return toHex(hash128(std::as_bytes(std::span(text))));
}

std::string fullFingerprint(std::span<const TensorStats> tensors) {
  Hasher128 hasher;
  const auto add = [&](std::uint64_t number) { hasher.update(std::as_bytes(std::span(&number, 1))); };
  const auto addText = [&](std::string_view text) { hasher.update(std::as_bytes(std::span(text))); };
  for (const auto& t : tensors) {
    if (t.base == BaseKind::None) continue;
    add(t.nameInBase().size());
    addText(t.nameInBase());
    add(static_cast<std::uint64_t>(t.base));
    add(t.shapeOfBase().size());
    for (const std::uint64_t side : t.shapeOfBase()) add(side);
    addText(toHex(t.baseHash));
    addText(toHex(t.baseState));
  }
  return toHex(hasher.digest());
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
