// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers as blocks of GGUF files, for tests: the plainest quantizers that give typical blocks. A last block is whole.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/half.h"

namespace deltascope::testing {

inline void putHalf(std::uint8_t* at, float value) {
  const std::uint16_t half = kernels::toF16KeepingNan(value);
  std::memcpy(at, &half, 2);
}
inline int nearest(float value, float step, int least, int most) {
  return step > 0 ? std::clamp(static_cast<int>(std::lrint(value / step)), least, most) : least < 0 ? 0 : least;
}

inline std::vector<std::uint8_t> quantizeQ8(std::span<const float> values) {
  std::vector<std::uint8_t> blocks((values.size() + 31) / 32 * 34);
  for (std::size_t b = 0; b * 32 < values.size(); ++b) {
    const auto own = values.subspan(b * 32, std::min<std::size_t>(32, values.size() - b * 32));
    float most = 0;
    for (float v : own) most = std::max(most, std::fabs(v));
    std::uint8_t* const block = blocks.data() + b * 34;
    putHalf(block, most / 127);
    for (std::size_t i = 0; i < own.size(); ++i)
      block[2 + i] = static_cast<std::uint8_t>(nearest(own[i], most / 127, -127, 127));
  }
  return blocks;
}

inline void quantizeQ4KBlock(const std::array<float, 256>& values, std::uint8_t* block) {
  std::array<float, 8> scale{}, minimum{};
  for (std::size_t j = 0; j < 8; ++j) {
    const auto [low, high] = std::minmax_element(values.begin() + 32 * j, values.begin() + 32 * (j + 1));
    minimum[j] = std::max(-*low, 0.0F);
    scale[j] = (std::max(*high, 0.0F) + minimum[j]) / 15;
  }
  putHalf(block, *std::ranges::max_element(scale) / 63);
  putHalf(block + 2, *std::ranges::max_element(minimum) / 63);
  std::uint16_t halves[2];
  std::memcpy(halves, block, 4);
  const float d = kernels::fromF16(halves[0]), m = kernels::fromF16(halves[1]);
  for (unsigned j = 0; j < 8; ++j) {
    const auto s = static_cast<unsigned>(nearest(scale[j], d, 0, 63)),
               low = static_cast<unsigned>(nearest(minimum[j], m, 0, 63));
    std::uint8_t* const packed = block + 4 + j % 4;
    if (j < 4) {
      packed[0] = static_cast<std::uint8_t>(s);
      packed[4] = static_cast<std::uint8_t>(low);
    } else {
      packed[0] = static_cast<std::uint8_t>(packed[0] | s >> 4 << 6);
      packed[4] = static_cast<std::uint8_t>(packed[4] | low >> 4 << 6);
      packed[8] = static_cast<std::uint8_t>((s & 15) | (low & 15) << 4);
    }
    for (unsigned i = 0; i < 32; ++i) {
      const int q = nearest(values[32 * j + i] + m * static_cast<float>(low), d * static_cast<float>(s), 0, 15);
      std::uint8_t& byte = block[16 + j / 2 * 32 + i];
      byte = static_cast<std::uint8_t>(j % 2 ? byte | q << 4 : q);
    }
  }
}

inline std::vector<std::uint8_t> quantizeQ4K(std::span<const float> values) {
  std::vector<std::uint8_t> blocks((values.size() + 255) / 256 * 144);
  for (std::size_t b = 0; b * 256 < values.size(); ++b) {
    std::array<float, 256> own{};
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(b * 256), std::min<std::size_t>(256, values.size() - b * 256),
                own.begin());
    quantizeQ4KBlock(own, blocks.data() + b * 144);
  }
  return blocks;
}

}  // namespace deltascope::testing
