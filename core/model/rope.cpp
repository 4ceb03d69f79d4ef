// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "core/model/config.h"

namespace deltascope {
namespace {

/// transformers' _compute_llama3_parameters, in FP32 as it computes there.
float scaledLlama3(float frequency, const RopeConfig& rope) {
  const auto factor = static_cast<float>(rope.factor), low = static_cast<float>(rope.lowFrequencyFactor);
  const auto high = static_cast<float>(rope.highFrequencyFactor), original = static_cast<float>(rope.originalPositions);
  const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
  if (wavelength < original / high) return frequency;
  if (wavelength > original / low) return frequency / factor;
  const float smooth = (original / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

std::vector<float> ropeFrequencies(const ModelConfig& config) {
  std::vector<float> frequencies(config.headDim / 2);
  for (std::size_t j = 0; j < frequencies.size(); ++j) {
    const auto exponent = static_cast<float>(2 * j) / static_cast<float>(config.headDim);
    const auto power = static_cast<float>(std::pow(static_cast<double>(static_cast<float>(config.rope.theta)), exponent));
    float frequency = 1.0f / power;
    if (config.rope.scaling == RopeConfig::Scaling::Linear) frequency /= static_cast<float>(config.rope.factor);
    if (config.rope.scaling == RopeConfig::Scaling::Llama3) frequency = scaledLlama3(frequency, config.rope);
    frequencies[j] = frequency;
  }
  return frequencies;
}

}  // namespace deltascope
