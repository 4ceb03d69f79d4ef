// SPDX-License-Identifier: Apache-2.0
#include "core/synth/gauss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/base/hash.h"
#include "core/base/split_mix.h"

namespace deltascope {
namespace {

constexpr std::size_t kLayers = 256;
constexpr double kTail = 3.6541528853610088;  // right edge of the lowest layer's rectangle
constexpr double kArea = 0.00492867323399;    // of each layer, below exp(−x²/2)

/// edge[i] falls from kArea/f(kTail) to 0; a point of layer i left of edge[i + 1] lies under the curve.
struct Ziggurat {
  std::array<double, kLayers + 1> edge{}, height{};
  Ziggurat() {
    const auto f = [](double x) { return std::exp(-0.5 * x * x); };
    edge[0] = kArea / f(kTail);
    edge[1] = kTail;
    for (std::size_t i = 2; i < kLayers; ++i) edge[i] = std::sqrt(-2 * std::log(kArea / edge[i - 1] + f(edge[i - 1])));
    edge[kLayers] = 0;
    for (std::size_t i = 0; i <= kLayers; ++i) height[i] = f(edge[i]);
  }
};

const Ziggurat& ziggurat() {
  static const Ziggurat table;
  return table;
}

double tail(SplitMix64& random) {
  for (;;) {
    const double x = -std::log(random.uniform()) / kTail, y = -std::log(random.uniform());
    if (y + y > x * x) return kTail + x;
  }
}

/// Layer, sign and position come from disjoint bits of one number.
float normal(const Ziggurat& z, SplitMix64& random) {
  for (;;) {
    const std::uint64_t bits = random.next();
    const std::size_t layer = bits & 0xFF;
    const double x = static_cast<double>(static_cast<std::int64_t>(bits) >> 10) * 0x1p-53 * z.edge[layer];
    if (std::fabs(x) < z.edge[layer + 1]) return static_cast<float>(x);
    if (layer == 0) return static_cast<float>(std::copysign(tail(random), x));
    const double y = z.height[layer] + random.uniform() * (z.height[layer + 1] - z.height[layer]);
    if (y < std::exp(-0.5 * x * x)) return static_cast<float>(x);
  }
}

}  // namespace

std::uint64_t gaussKey(std::uint64_t seed, std::string_view tensor) {
  return SplitMix64(seed ^ hash64(std::as_bytes(std::span(tensor)))).next();
}

void gauss(std::uint64_t key, std::uint64_t first, std::span<float> into) {
  const auto& z = ziggurat();
  for (std::size_t begin = 0; begin < into.size(); begin += kGaussBlock) {
    SplitMix64 start(key ^ (first + begin) / kGaussBlock);
    SplitMix64 random(start.next());
    for (float& value : into.subspan(begin, std::min<std::size_t>(kGaussBlock, into.size() - begin))) value = normal(z, random);
  }
}

}  // namespace deltascope
