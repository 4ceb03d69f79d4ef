// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "core/base/units.h"
#include "core/quant/bitsandbytes/quantize.h"

namespace deltascope {
namespace {

/// create_dynamic_map(): seven decades, each with twice the steps of the one below, both signs, 0 and 1. torch.linspace fuses
/// its multiply-add, hence std::fma.
std::array<float, 256> makeDynamicMap() {
  std::array<float, 256> map{};
  constexpr std::array<float, 7> kPowers{1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
  std::size_t size = 0;
  for (int decade = 0; decade < 7; ++decade) {
    const int steps = 1 << decade;
    const float step = (1.0f - 0.1f) / static_cast<float>(steps);
    const auto point = [&](int i) {
      return i < (steps + 1) / 2 ? std::fma(step, static_cast<float>(i), 0.1f)
                                 : std::fma(-step, static_cast<float>(steps - i), 1.0f);
    };
    for (int i = 0; i < steps; ++i) {
      const float value = kPowers[static_cast<std::size_t>(decade)] * ((point(i) + point(i + 1)) / 2.0f);
      map[size++] = value;
      map[size++] = -value;
    }
  }
  map[size++] = 0;
  map[size++] = 1;
  std::ranges::sort(map);
  return map;
}

const std::array<float, 256>& dynamicMap() {
  static const std::array<float, 256> map = makeDynamicMap();
  return map;
}

constexpr std::size_t kBins = 65536;

/// csrc/cpu_ops.cpp: the nearest map entry of each of 65,536 points of [-1, 1].
const std::array<std::uint8_t, kBins>& bins() {
  static const auto table = [] {
    std::array<std::uint8_t, kBins> codes{};
    const auto& map = dynamicMap();
    std::size_t code = 0;
    for (std::size_t i = 0; i < kBins; ++i) {
      const float value = -1.0f + 2.0f * static_cast<float>(i) / static_cast<float>(kBins - 1);
      while (code < 255 && 0.5f * (map[code] + map[code + 1]) < value) ++code;
      codes[i] = static_cast<std::uint8_t>(code);
    }
    return codes;
  }();
  return table;
}

std::uint8_t codeOf(float y) {
  if (std::isnan(y)) return 0;
  const float bin = (std::clamp(y, -1.0f, 1.0f) + 1.0f) * 0.5f * static_cast<float>(kBins - 1) + 0.5f;
  return bins()[static_cast<std::size_t>(bin)];
}

constexpr std::size_t kLanes = 8, kRows = 4, kLevels = 4;  // torch sums vectors of 8, four at a time (it has no AVX-512 sum)

struct Partial {
  std::array<std::array<float, kLanes>, kRows> lanes{};
  void add(const Partial& other) {
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t l = 0; l < kLanes; ++l) lanes[r][l] += other.lanes[r][l];
  }
};

/// aten/src/ATen/native/cpu/SumKernel.cpp, vectorized_inner_sum: a cascade of four levels over rows of four vectors.
float torchSum(std::span<const float> x) {
  const std::size_t vectors = x.size() / kLanes, rows = vectors / kRows;
  const std::size_t power = std::max<std::size_t>(4, (rows > 1 ? std::bit_width(rows - 1) : 0) / kLevels);
  const std::size_t step = std::size_t{1} << power;
  std::array<Partial, kLevels> levels{};
  const auto addRow = [&](std::size_t row) {
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t l = 0; l < kLanes; ++l) levels[0].lanes[r][l] += x[(row * kRows + r) * kLanes + l];
  };
  std::size_t row = 0;
  while (row + step <= rows) {
    for (std::size_t i = 0; i < step; ++i) addRow(row++);
    for (std::size_t level = 1; level < kLevels; ++level) {
      levels[level].add(levels[level - 1]);
      levels[level - 1] = {};
      if (row & (step - 1) << (level * power)) break;
    }
  }
  while (row < rows) addRow(row++);
  for (std::size_t level = 1; level < kLevels; ++level) levels[0].add(levels[level]);

  auto& lanes = levels[0].lanes;
  for (std::size_t v = rows * kRows; v < vectors; ++v)
    for (std::size_t l = 0; l < kLanes; ++l) lanes[0][l] += x[v * kLanes + l];
  for (std::size_t r = 1; r < kRows; ++r)
    for (std::size_t l = 0; l < kLanes; ++l) lanes[0][l] += lanes[r][l];
  float sum = 0;
  for (float value : x.subspan(vectors * kLanes)) sum += value;
  for (float value : lanes[0]) sum += value;
  return sum;
}

}  // namespace

NestedAbsmax nestAbsmax(std::span<const float> absmax) {
  const float mean = absmax.empty() ? 0.0f : torchSum(absmax) / static_cast<float>(absmax.size());
  return nestAbsmax(absmax, std::isfinite(mean) ? mean : 0.0f);
}

NestedAbsmax nestAbsmax(std::span<const float> absmax, float offset) {
  NestedAbsmax nested;
  nested.map = dynamicMap();
  nested.offset = offset;
  nested.codes.resize(absmax.size());
  nested.absmax.reserve(ceilDiv(absmax.size(), nested.blocksize));
  for (std::size_t begin = 0; begin < absmax.size(); begin += nested.blocksize) {
    const auto block = absmax.subspan(begin, std::min<std::size_t>(nested.blocksize, absmax.size() - begin));
    float largest = 0;
    for (float value : block) largest = std::max(largest, std::fabs(value - offset));  // drops NaN, as the library does
    nested.absmax.push_back(largest);
    if (largest == 0) continue;  // codes stay 0
    const float inverse = 1.0f / largest;
    for (std::size_t i = 0; i < block.size(); ++i) nested.codes[begin + i] = codeOf((block[i] - offset) * inverse);
  }
  return nested;
}

void unnestAbsmax(const NestedAbsmax& nested, std::uint64_t first, std::span<float> into) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    const std::uint64_t at = first + i;
    into[i] = nested.map[nested.codes[at]] * nested.absmax[at / nested.blocksize] + nested.offset;
  }
}

}  // namespace deltascope
