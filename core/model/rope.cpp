// SPDX-License-Identifier: Apache-2.0
#include "core/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace deltascope {
namespace {

using Scaling = RopeConfig::Scaling;

/// base^(2j/dimensions), rounded once to FP32.
float powerOf(double base, std::size_t j, std::uint32_t dimensions) {
  const auto exponent = static_cast<float>(2 * j) / static_cast<float>(dimensions);
  return static_cast<float>(std::pow(static_cast<double>(static_cast<float>(base)), exponent));
}

/// transformers' _compute_llama3_parameters.
float scaledLlama3(float frequency, const RopeConfig& rope) {
  const auto factor = static_cast<float>(rope.factor), low = static_cast<float>(rope.lowFrequencyFactor);
  const auto high = static_cast<float>(rope.highFrequencyFactor), original = static_cast<float>(rope.originalPositions);
  const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
  if (wavelength < original / high) return frequency;
  if (wavelength > original / low) return frequency / factor;
  const float smooth = (original / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

/// From which dimension to which the frequencies go over from kept to divided: transformers' find_correction_range.
struct Ramp {
  explicit Ramp(const RopeConfig& rope) {
    const auto dimension = [&](double rotations) {
      return rope.dimensions * std::log(rope.originalPositions / (rotations * 2 * std::numbers::pi)) /
             (2 * std::log(rope.theta));
    };
    double low = dimension(rope.fastRotations), high = dimension(rope.slowRotations);
    if (rope.wholeDimensions) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, rope.dimensions - 1.0);
    if (!(low < high) && !(high < low)) high += 0.001;
    begin = static_cast<float>(low);
    width = static_cast<float>(high - low);
  }
  [[nodiscard]] float at(std::size_t j) const { return std::clamp((static_cast<float>(j) - begin) / width, 0.0f, 1.0f); }
  float begin = 0, width = 1;
};

float blendedYarn(float power, float kept, float factor) {
  const float divided = 1.0f / (factor * power), whole = 1.0f / power;
  return divided * (1 - kept) + whole * kept;
}

/// transformers' _compute_dynamic_ntk_parameters: the length is a tensor there, so that all is FP32.
double thetaFor(const RopeConfig& rope, std::uint32_t length) {
  if (length <= rope.originalPositions) return rope.theta;
  const auto factor = static_cast<float>(rope.factor), original = static_cast<float>(rope.originalPositions);
  const float growth = factor * static_cast<float>(length) / original - static_cast<float>(rope.factor - 1);
  const float exponent = static_cast<float>(rope.dimensions / (rope.dimensions - 2.0));
  return static_cast<float>(rope.theta) * static_cast<float>(std::pow(static_cast<double>(growth), exponent));
}

}  // namespace

std::uint32_t ropePositions(const RopeConfig& rope, std::uint32_t positions) {
  constexpr double kMost = 1u << 26;
  double trained = 0;
  if (rope.scaling == Scaling::Linear) trained = positions;
  if (rope.scaling == Scaling::Yarn || rope.scaling == Scaling::Dynamic) trained = rope.originalPositions;
  return std::max(positions, static_cast<std::uint32_t>(std::min(trained * rope.factor, kMost)));
}

std::vector<float> ropeFrequencies(const RopeConfig& rope, std::uint32_t length) {
  std::vector<float> frequencies(rope.dimensions / 2);
  const double theta = rope.scaling == Scaling::Dynamic ? thetaFor(rope, length) : rope.theta;
  const auto& own = length > rope.originalPositions ? rope.longFactors : rope.shortFactors;
  const auto factor = static_cast<float>(rope.factor);
  const Ramp ramp(rope);
  for (std::size_t j = 0; j < frequencies.size(); ++j) {
    const float power = powerOf(theta, j, rope.dimensions);
    float frequency = 1.0f / power;
    if (rope.scaling == Scaling::Linear) frequency /= factor;
    if (rope.scaling == Scaling::Proportional) frequency = j < rope.turning ? frequency / factor : 0;
    if (rope.scaling == Scaling::Llama3) frequency = scaledLlama3(frequency, rope);
    if (rope.scaling == Scaling::Yarn) frequency = blendedYarn(power, 1 - ramp.at(j), factor);
    if (rope.scaling == Scaling::LongRope) frequency = 1.0f / (own[j] * power);
    frequencies[j] = frequency;
  }
  return frequencies;
}

/// Texts of equal reach have equal frequencies.
std::uint32_t RopeAngles::reach(std::uint32_t length) const {
  if (m_rope.scaling == Scaling::Dynamic) return std::max(length, m_rope.originalPositions);
  if (m_rope.scaling == Scaling::LongRope) return length > m_rope.originalPositions ? m_rope.originalPositions + 1 : 1;
  return 1;
}

bool RopeAngles::sameFor(std::uint32_t promptLength, std::uint32_t otherPromptLength) const {
  return reach(promptLength) == reach(otherPromptLength);
}

void RopeAngles::compute(std::uint32_t first, std::uint32_t promptLength, std::span<float> cosine, std::span<float> sine) {
  const std::size_t half = m_rope.dimensions / 2;
  const auto scale = static_cast<float>(m_rope.attentionFactor);
  for (std::size_t t = 0; t < cosine.size() / half; ++t) {
    const auto position = first + static_cast<std::uint32_t>(t);
    const std::uint32_t reached = reach(std::max(promptLength, position + 1));
    if (reached != m_reach || m_frequencies.empty()) m_frequencies = ropeFrequencies(m_rope, reached);
    m_reach = reached;
    for (std::size_t j = 0; j < half; ++j) {
      const float angle = static_cast<float>(position) * m_frequencies[j];
      cosine[t * half + j] = std::cos(angle) * scale;
      sine[t * half + j] = std::sin(angle) * scale;
    }
  }
}

}  // namespace deltascope
