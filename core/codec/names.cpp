// SPDX-License-Identifier: Apache-2.0
#include "core/codec/codec.h"

namespace deltascope {
namespace {

constexpr std::array<std::string_view, kCodecCount> kCodecNames{"identical", "raw",  "sparse",  "entropy",
                                                                "bitpack",   "zstd", "lowrank", "additive"};

}  // namespace

std::string_view nameOf(CodecId codec) { return kCodecNames[static_cast<std::size_t>(codec)]; }

std::optional<CodecId> codecFromName(std::string_view name) {
  for (std::size_t i = 0; i < kCodecNames.size(); ++i)
    if (kCodecNames[i] == name) return static_cast<CodecId>(i);
  return std::nullopt;
}

}  // namespace deltascope
