// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Data for tests of the residual codecs: a final, its base, and the slice over them.
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/codec/codec.h"
#include "core/codec/statistics.h"
#include "core/quant/quant.h"
#include "tests/core/codec/block_data.h"
#include "tests/core/codec/scaled_data.h"

namespace deltascope::testing {

/// How the final's bits are made.
enum class Fill { Gaussian, EveryPattern, RandomBits, Zeros, Special };

struct ResidualCase {
  DType type = DType::BF16;
  BaseKind base = BaseKind::Nf4;
  std::size_t count = 0;
  unsigned blocksize = 64;
  std::uint64_t columns = 256;
  Fill fill = Fill::Gaussian;
};

/// Owns everything a slice borrows.
struct ResidualData {
  std::vector<std::byte> final, parent;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  BaseSlice slice;
};

inline void putBits(DType type, std::vector<std::byte>& into, std::size_t i, std::uint32_t bits) {
  std::memcpy(into.data() + i * bytesOf(type), &bits, bytesOf(type));
}

inline std::vector<std::byte> makeWeights(const ResidualCase& test, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> gauss(0, 0.02f);
  std::vector<std::byte> bytes(test.count * bytesOf(test.type));
  std::vector<float> floats(test.count);
  for (auto& f : floats) f = gauss(random);
  fromFloat(test.type, floats, bytes);
  constexpr std::uint32_t kSpecial16[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x7f80, 0xff80,
                                          0x7fc1, 0xffff, 0x7f7f, 0x7c00, 0x7e01};
  for (std::size_t i = 0; i < test.count; ++i) {
    switch (test.fill) {
      case Fill::Gaussian:
        break;
      case Fill::EveryPattern:
        putBits(test.type, bytes, i, static_cast<std::uint32_t>(i * (test.type == DType::F32 ? 65537u : 1u)));
        break;
      case Fill::RandomBits:
        putBits(test.type, bytes, i, static_cast<std::uint32_t>(random()));
        break;
      case Fill::Zeros:
        putBits(test.type, bytes, i, 0);
        break;
      case Fill::Special:
        if (i % 7 == 0)
          putBits(test.type, bytes, i, kSpecial16[i / 7 % std::size(kSpecial16)] << (test.type == DType::F32 ? 16 : 0));
    }
  }
  return bytes;
}

/// To the nearest of sixteen steps.
inline void quantizeInt4(const ResidualCase& test, ResidualData& data) {
  std::vector<float> floats(test.count);
  toFloat(test.type, data.final, floats);
  blockAbsmax(test.type, data.final, test.blocksize, data.scales);
  for (auto& scale : data.scales) scale /= 7.5F;
  for (std::size_t i = 0; i < test.count; ++i) {
    const float scaled = std::clamp(floats[i] / data.scales[i / test.blocksize], -8.0F, 7.0F);
    const auto code = static_cast<std::uint8_t>(std::isfinite(scaled) ? std::lrint(scaled) + 8 : 8);
    data.codes[i / 2] = static_cast<std::uint8_t>(i % 2 ? data.codes[i / 2] | code : code << 4);
  }
}

inline ResidualData makeData(const ResidualCase& test, std::uint32_t seed = 1) {
  ResidualData data;
  data.final = makeWeights(test, seed);
  BaseSlice& slice = data.slice;
  slice.kind = test.base;
  slice.finalType = test.type;
  slice.count = test.count;
  slice.group = test.base == BaseKind::Int8 ? test.columns : test.blocksize;
  switch (test.base) {
    case BaseKind::None:
      break;
    case BaseKind::Same: {
      std::mt19937 random(seed + 1);
      std::normal_distribution<float> step(0, 1e-4f);
      std::vector<float> floats(test.count);
      toFloat(test.type, data.final, floats);
      for (auto& f : floats) f += step(random);
      data.parent.resize(data.final.size());
      fromFloat(test.type, floats, data.parent);
      slice.values = data.parent;
      break;
    }
    case BaseKind::Int8:
      data.scales.resize((test.count + test.columns - 1) / test.columns);
      data.codes.resize(test.count);
      rowAbsmax(test.type, data.final, test.columns, data.scales);
      quantizeInt8(test.type, data.final, 0, test.columns, data.scales,
                   {reinterpret_cast<std::int8_t*>(data.codes.data()), data.codes.size()});
      break;
    case BaseKind::Q8_0:
    case BaseKind::Q4K: {
      std::vector<float> floats(test.count);
      toFloat(test.type, data.final, floats);
      for (auto& f : floats) f = std::isfinite(f) ? std::clamp(f, -100.0F, 100.0F) : 0.0F;
      data.codes = test.base == BaseKind::Q8_0 ? quantizeQ8(floats) : quantizeQ4K(floats);
      break;
    }
    case BaseKind::Fp8:
    case BaseKind::W8:
    case BaseKind::W4: {
      std::vector<float> floats(test.count);
      toFloat(test.type, data.final, floats);
      slice.columns = test.count % 2 ? 3 * test.blocksize + 7 : 0;  // rows end in a part of a group
      auto made = quantizeScaled(test.base, floats, slice.group, slice.columns);
      data.codes = std::move(made.codes);
      data.scales = std::move(made.parameters);
      break;
    }
    default:
      data.scales.resize((test.count + test.blocksize - 1) / test.blocksize);
      data.codes.resize((test.count + 1) / 2);
      if (test.base == BaseKind::Int4) {
        quantizeInt4(test, data);
        break;
      }
      quantize4bit(test.base == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4, test.type, data.final, test.blocksize,
                   data.codes, data.scales);
  }
  slice.codes = data.codes;
  slice.scales = data.scales;
  return data;
}

}  // namespace deltascope::testing
