// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/blocks_unpack.h"

#include <array>
#include <cstring>

#include "kernels/cpu/target.h"
#include "kernels/half.h"

namespace deltascope::kernels {
namespace {

constexpr std::array<BlockShape, kBlockTypes> kShapes{{{32, 34, 32},
                                                       {32, 18, 32},
                                                       {32, 20, 32},
                                                       {32, 22, 32},
                                                       {32, 24, 32},
                                                       {256, 84, 16},
                                                       {256, 110, 16},
                                                       {256, 144, 32},
                                                       {256, 176, 32},
                                                       {256, 210, 16},
                                                       {32, 18, 32},
                                                       {256, 136, 32}}};

/// The sixteen values of the two uneven types, and how far the next one nearer zero is.
constexpr std::int8_t kUneven[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
constexpr std::uint8_t kGaps[16] = {23, 21, 18, 16, 14, 13, 12, 11, 11, 12, 12, 13, 15, 16, 20, 24};

std::uint16_t halfAt(const std::uint8_t* at) {
  std::uint16_t half;
  std::memcpy(&half, at, 2);
  return half;
}
float floatAt(const std::uint8_t* at) { return fromF16(halfAt(at)); }

std::int8_t low(std::uint8_t byte) { return static_cast<std::int8_t>(byte & 15); }
std::int8_t high(std::uint8_t byte) { return static_cast<std::int8_t>(byte >> 4); }

/// Sixteen bytes: elements 0 … 15 in the low halves, 16 … 31 in the high ones.
void halves(const std::uint8_t* codes, std::int8_t* q) {
  for (int i = 0; i < 16; ++i) {
    q[i] = low(codes[i]);
    q[i + 16] = high(codes[i]);
  }
}

/// A fifth bit for each of 32 elements.
void fifthBits(const std::uint8_t* bits, std::int8_t* q) {
  std::uint32_t all;
  std::memcpy(&all, bits, 4);
  for (int i = 0; i < 32; ++i) q[i] = static_cast<std::int8_t>(q[i] | (all >> i & 1) << 4);
}

void shift(std::int8_t* q, int n, int by) {
  for (int i = 0; i < n; ++i) q[i] = static_cast<std::int8_t>(q[i] - by);
}

void uneven(std::int8_t* q, std::uint8_t* gap, int n) {
  for (int i = 0; i < n; ++i) {
    const auto code = static_cast<std::uint8_t>(q[i]);
    q[i] = kUneven[code];
    gap[i] = kGaps[code];
  }
}

/// One block of 32.
void unpackSmall(BlockType type, const std::uint8_t* block, std::int8_t* q, std::uint8_t* gap, float& scale, float& minimum) {
  scale = floatAt(block);
  minimum = 0;
  switch (type) {
    case BlockType::Q8_0:
      std::memcpy(q, block + 2, 32);
      return;
    case BlockType::Q4_0:
      halves(block + 2, q);
      return shift(q, 32, 8);
    case BlockType::Q4_1:
      minimum = -floatAt(block + 2);
      return halves(block + 4, q);
    case BlockType::Q5_0:
      halves(block + 6, q);
      fifthBits(block + 2, q);
      return shift(q, 32, 16);
    case BlockType::Q5_1:
      minimum = -floatAt(block + 2);
      halves(block + 8, q);
      return fifthBits(block + 4, q);
    default:  // IQ4_NL
      halves(block + 2, q);
      return uneven(q, gap, 32);
  }
}

/// Eight scales and eight minima of six bits in twelve bytes (Q4_K, Q5_K).
void sixBitScales(const std::uint8_t* block, BlockRun& into) {
  const float d = floatAt(block), m = floatAt(block + 2);
  const std::uint8_t* packed = block + 4;
  for (int j = 0; j < 8; ++j) {
    const int scale = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
    const int minimum = j < 4 ? packed[j + 4] & 63 : packed[j + 4] >> 4 | packed[j] >> 6 << 4;
    into.scale[j] = d * static_cast<float>(scale);
    into.minimum[j] = m * static_cast<float>(minimum);
  }
}

/// Two bits each: in every 32 bytes four runs of 32 elements.
void twoBits(const std::uint8_t* codes, std::int8_t* q) {
  for (int half = 0; half < 2; ++half)
    for (int run = 0; run < 4; ++run)
      for (int i = 0; i < 32; ++i)
        q[half * 128 + run * 32 + i] = static_cast<std::int8_t>(codes[half * 32 + i] >> (2 * run) & 3);
}

void unpackQ2K(const std::uint8_t* block, BlockRun& into) {
  const float d = floatAt(block + 80), m = floatAt(block + 82);
  for (int j = 0; j < 16; ++j) {
    into.scale[j] = d * static_cast<float>(block[j] & 15);
    into.minimum[j] = m * static_cast<float>(block[j] >> 4);
  }
  twoBits(block + 16, into.q);
}

void unpackQ3K(const std::uint8_t* block, BlockRun& into) {
  const float d = floatAt(block + 108);
  const std::uint8_t* packed = block + 96;
  for (int j = 0; j < 16; ++j) {
    const int lowBits = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
    const int highBits = packed[8 + j % 4] >> (2 * (j / 4)) & 3;
    into.scale[j] = d * static_cast<float>((lowBits | highBits << 4) - 32);
    into.minimum[j] = 0;
  }
  twoBits(block + 32, into.q);
  for (int run = 0; run < 8; ++run)
    for (int i = 0; i < 32; ++i) {
      std::int8_t& q = into.q[run * 32 + i];
      q = static_cast<std::int8_t>(q - ((block[i] >> run & 1) ? 0 : 4));
    }
}

void unpackQ4K(const std::uint8_t* block, BlockRun& into) {
  sixBitScales(block, into);
  for (int pair = 0; pair < 4; ++pair)
    for (int i = 0; i < 32; ++i) {
      const std::uint8_t byte = block[16 + pair * 32 + i];
      into.q[pair * 64 + i] = low(byte);
      into.q[pair * 64 + 32 + i] = high(byte);
    }
}

void unpackQ5K(const std::uint8_t* block, BlockRun& into) {
  sixBitScales(block, into);
  for (int pair = 0; pair < 4; ++pair)
    for (int i = 0; i < 32; ++i) {
      const std::uint8_t byte = block[48 + pair * 32 + i], bits = block[16 + i];
      into.q[pair * 64 + i] = static_cast<std::int8_t>(low(byte) | (bits >> (2 * pair) & 1) << 4);
      into.q[pair * 64 + 32 + i] = static_cast<std::int8_t>(high(byte) | (bits >> (2 * pair + 1) & 1) << 4);
    }
}

void unpackQ6K(const std::uint8_t* block, BlockRun& into) {
  const float d = floatAt(block + 208);
  for (int j = 0; j < 16; ++j) {
    into.scale[j] = d * static_cast<float>(static_cast<std::int8_t>(block[192 + j]));
    into.minimum[j] = 0;
  }
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t *lows = block + half * 64, *highs = block + 128 + half * 32;
    std::int8_t* q = into.q + half * 128;
    for (int i = 0; i < 32; ++i) {
      q[i] = static_cast<std::int8_t>((low(lows[i]) | (highs[i] & 3) << 4) - 32);
      q[i + 32] = static_cast<std::int8_t>((low(lows[i + 32]) | (highs[i] >> 2 & 3) << 4) - 32);
      q[i + 64] = static_cast<std::int8_t>((high(lows[i]) | (highs[i] >> 4 & 3) << 4) - 32);
      q[i + 96] = static_cast<std::int8_t>((high(lows[i + 32]) | (highs[i] >> 6 & 3) << 4) - 32);
    }
  }
}

void unpackIq4Xs(const std::uint8_t* block, BlockRun& into) {
  const float d = floatAt(block);
  const unsigned highs = halfAt(block + 2);
  for (int j = 0; j < 8; ++j) {
    const int lowBits = block[4 + j / 2] >> (4 * (j % 2)) & 15;
    into.scale[j] = d * static_cast<float>((lowBits | static_cast<int>(highs >> (2 * j) & 3) << 4) - 32);
    into.minimum[j] = 0;
    halves(block + 8 + 16 * j, into.q + 32 * j);
  }
  uneven(into.q, into.gap, kRun);
}

}  // namespace

BlockShape shapeOf(BlockType type) { return kShapes[static_cast<std::size_t>(type)]; }

void unpackRun(BlockType type, const std::uint8_t* blocks, std::size_t count, BlockRun& into) {
  const BlockShape shape = shapeOf(type);
  into.group = shape.group;
  into.uneven = type == BlockType::Iq4Nl || type == BlockType::Iq4Xs;
  switch (type) {
    case BlockType::Q2K:
      return unpackQ2K(blocks, into);
    case BlockType::Q3K:
      return unpackQ3K(blocks, into);
    case BlockType::Q4K:
      return unpackQ4K(blocks, into);
    case BlockType::Q5K:
      return unpackQ5K(blocks, into);
    case BlockType::Q6K:
      return unpackQ6K(blocks, into);
    case BlockType::Iq4Xs:
      return unpackIq4Xs(blocks, into);
    default:
      for (std::size_t b = 0; b * 32 < count; ++b)
        unpackSmall(type, blocks + b * shape.bytes, into.q + 32 * b, into.gap + 32 * b, into.scale[b], into.minimum[b]);
  }
}

bool blocksFinite(BlockType type, const std::uint8_t* blocks, std::size_t n) {
  const BlockShape shape = shapeOf(type);
  const auto finite = [](const std::uint8_t* at) { return (halfAt(at) & 0x7c00) != 0x7c00; };
  for (std::size_t at = 0; at < n; at += shape.elements, blocks += shape.bytes) {
    bool good = true;
    switch (type) {
      case BlockType::Q2K:
        good = finite(blocks + 80) && finite(blocks + 82);
        break;
      case BlockType::Q3K:
        good = finite(blocks + 108);
        break;
      case BlockType::Q6K:
        good = finite(blocks + 208);
        break;
      case BlockType::Q4_1:
      case BlockType::Q5_1:
      case BlockType::Q4K:
      case BlockType::Q5K:
        good = finite(blocks) && finite(blocks + 2);
        break;
      default:
        good = finite(blocks);
    }
    if (!good) return false;
  }
  return true;
}

}  // namespace deltascope::kernels
