// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/quantize_scalar.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/quantize_float.h"

namespace deltascope::kernels {
namespace {

std::uint32_t magnitudeBits(ElementType type, const std::byte* from, std::size_t i) {
  if (type == ElementType::F32) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, from + 4 * i, 4);
    return bits & 0x7FFFFFFF;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, from + 2 * i, 2);
  return bits & 0x7FFFu;
}

/// Fifteen boundaries are a full binary tree of four levels.
std::uint8_t codeOf(const FourBitCode& code, float y) {
  unsigned rank = 0;
  for (unsigned step = 8; step; step /= 2)
    if (!(y <= code.boundaries[rank + step - 1])) rank += step;
  return code.order[rank];
}

constexpr std::size_t kGroup = 32;  // divides every block

/// Boundary by boundary over a group: loops that any compiler turns into vectors.
void quantizeGroup(const FourBitCode& code, ElementType type, const std::byte* weights, float inverse, std::uint8_t* codes) {
  std::array<float, kGroup> y;
  std::array<std::int32_t, kGroup> rank{};
  scalar::toFloat(type, weights, kGroup, y.data());
  for (auto& value : y) value *= inverse;
  for (float boundary : code.boundaries)
    for (std::size_t i = 0; i < kGroup; ++i) rank[i] += !(y[i] <= boundary);
  const auto at = [&](std::size_t i) { return code.order[static_cast<std::size_t>(rank[i])]; };
  for (std::size_t i = 0; i < kGroup; i += 2) codes[i / 2] = static_cast<std::uint8_t>(at(i) << 4 | at(i + 1));
}

/// std::max would drop a NaN.
float clampAbsmax(float absmax) { return absmax < kSmallestAbsmax ? kSmallestAbsmax : absmax; }

std::array<std::uint32_t, 16> roundedValues(const FourBitCode& code, float absmax, ElementType type) {
  std::array<std::uint32_t, 16> bits{};
  for (std::size_t c = 0; c < 16; ++c) store(type, code.values[c] * absmax, reinterpret_cast<std::byte*>(&bits[c]), 0);
  return bits;
}

}  // namespace

namespace scalar {

void toFloat(ElementType type, const std::byte* from, std::size_t n, float* into) {
  if (type == ElementType::F32) {
    if (n) std::memcpy(into, from, 4 * n);
    return;
  }
  for (std::size_t i = 0; i < n; ++i) into[i] = load(type, from, i);
}

void fromFloat(ElementType type, const float* from, std::size_t n, std::byte* into) {
  for (std::size_t i = 0; i < n; ++i) store(type, from[i], into, i);
}

void absmax(ElementType type, const std::byte* weights, std::size_t n, std::size_t run, float* into) {
  for (std::size_t begin = 0; begin < n; begin += run) {
    std::uint32_t largest = 0;
    for (std::size_t i = begin, end = std::min(n, begin + run); i < end; ++i)
      largest = std::max(largest, magnitudeBits(type, weights, i));
    *into++ = magnitudeToFloat(type, largest);
  }
}

void quantize4bit(const FourBitCode& code, ElementType type, const std::byte* weights, std::size_t n, std::size_t block,
                  std::uint8_t* codes, float* absmaxes) {
  for (std::size_t begin = 0; begin < n; begin += block) {
    const std::byte* from = weights + begin * bytesOf(type);
    absmax(type, from, block, block, absmaxes);
    const float inverse = 1.0f / clampAbsmax(*absmaxes++);
    for (std::size_t i = 0; i < block; i += kGroup, codes += kGroup / 2)
      quantizeGroup(code, type, from + i * bytesOf(type), inverse, codes);
  }
}

void dequantize4bit(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, std::size_t block, const float* absmaxes,
                    ElementType type, std::byte* into) {
  for (std::size_t begin = 0; begin < n; begin += block) {
    dequantize4bitTail(code, codes, block, *absmaxes++, type, into);
    codes += block / 2;
    into += block * bytesOf(type);
  }
}

void quantizeInt8(ElementType type, const std::byte* weights, std::size_t n, float factor, std::int8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    const float y = load(type, weights, i) * factor;
    codes[i] = isFinite(y) ? static_cast<std::int8_t>(std::nearbyint(std::clamp(y, -127.0f, 127.0f))) : std::int8_t{0};
  }
}

void dequantizeInt8(const std::int8_t* codes, std::size_t n, float scale, ElementType type, std::byte* into) {
  for (std::size_t i = 0; i < n; ++i) store(type, static_cast<float>(codes[i]) * scale * kInverse127, into, i);
}

}  // namespace scalar

void quantize4bitTail(const FourBitCode& code, ElementType type, const std::byte* weights, std::size_t n, std::uint8_t* codes,
                      float& absmax) {
  scalar::absmax(type, weights, n, n, &absmax);
  absmax = clampAbsmax(absmax);
  for (std::size_t i = 0; i < n; i += 2) {
    const float second = i + 1 < n ? load(type, weights, i + 1) / absmax : 0.0f;
    *codes++ = static_cast<std::uint8_t>(codeOf(code, load(type, weights, i) / absmax) << 4 | codeOf(code, second));
  }
}

void dequantize4bitTail(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, float absmax, ElementType type,
                        std::byte* into) {
  const auto values = roundedValues(code, absmax, type);
  const std::size_t size = bytesOf(type);
  for (std::size_t i = 0; i < n; ++i) {
    const unsigned nibble = i % 2 ? codes[i / 2] & 15u : codes[i / 2] >> 4;
    std::memcpy(into + i * size, &values[nibble], size);
  }
}

const QuantizeOps kScalarQuantizeOps{scalar::toFloat,        scalar::fromFloat,    scalar::absmax,        scalar::quantize4bit,
                                     scalar::dequantize4bit, scalar::quantizeInt8, scalar::dequantizeInt8};

}  // namespace deltascope::kernels
