// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "core/payload/payload.h"

namespace deltascope {
namespace {

std::string withBits(CodecId codec, double bits) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %.2f", std::string(nameOf(codec)).c_str(), bits);
  return text;
}

}  // namespace

std::string explainChoice(const TensorStats& stats) {
  const std::string name(nameOf(stats.codec));
  if (stats.codec == CodecId::Identical) return "identical: the final's bytes are the base's";
  if (stats.forced) return name + ": as asked";
  std::vector<std::pair<float, CodecId>> considered;
  for (std::size_t i = 0; i < kCodecCount; ++i)
    if (stats.estimate[i] > 0) considered.emplace_back(stats.estimate[i], static_cast<CodecId>(i));
  std::sort(considered.begin(), considered.end());
  if (considered.size() < 2) return name + ": the only codec for this type and base";
  std::string text = name + ": chosen from estimates in bits/weight,";
  for (const auto& [bits, codec] : considered)
    text += (codec == considered.front().second ? " " : ", ") + withBits(codec, bits);
  return text;
}

}  // namespace deltascope
