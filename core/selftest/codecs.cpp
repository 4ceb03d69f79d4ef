// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>

#include "core/base/units.h"
#include "core/codec/device_rebuilder.h"
#include "core/codec/lowrank.h"
#include "core/codec/statistics.h"
#include "core/quant/bitsandbytes/quantize.h"
#include "core/selftest/parts.h"

namespace deltascope::selftest {
namespace {

constexpr std::size_t kColumns = 512, kRows = 400;
constexpr std::size_t kCount = kColumns * kRows;  // not a whole number of tiles
constexpr std::size_t kPatterns = 1u << 16;
constexpr unsigned kBlocksize = 64;
constexpr std::uint64_t kRank = 4;

/// A base and a final over it, both made here: Gaussian weights, and every 16-bit pattern in between.
struct Pair {
  BaseSlice base;
  std::vector<std::byte> values, final;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
};

/// To the nearest of sixteen steps.
void quantizeInt4(DType type, std::span<const std::byte> weights, Pair& pair) {
  std::vector<float> floats(kCount);
  toFloat(type, weights, floats);
  blockAbsmax(type, weights, kBlocksize, pair.scales);
  for (auto& scale : pair.scales) scale /= 7.5F;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto step = static_cast<int>(std::lrint(floats[i] / pair.scales[i / kBlocksize]));
    const auto code = static_cast<std::uint8_t>(std::clamp(step, -8, 7) + 8);
    pair.codes[i / 2] = static_cast<std::uint8_t>(i % 2 ? pair.codes[i / 2] | code : code << 4);
  }
}

void quantize(BaseKind kind, DType type, std::span<const std::byte> weights, Pair& pair) {
  if (kind == BaseKind::Int8) {
    pair.codes.resize(kCount);
    pair.scales.resize(kRows);
    rowAbsmax(type, weights, kColumns, pair.scales);
    quantizeInt8(type, weights, 0, kColumns, pair.scales, {reinterpret_cast<std::int8_t*>(pair.codes.data()), kCount});
    pair.base.group = kColumns;
  } else {
    pair.codes.resize(kCount / 2);
    pair.scales.resize(kCount / kBlocksize);
    if (kind == BaseKind::Int4)
      quantizeInt4(type, weights, pair);
    else
      quantize4bit(kind == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4, type, weights, kBlocksize, pair.codes,
                   pair.scales);
    pair.base.group = kBlocksize;
  }
  pair.base.codes = pair.codes;
  pair.base.scales = pair.scales;
}

Pair makePair(BaseKind kind, DType type, std::uint64_t seed) {
  Pair pair;
  const std::size_t size = bytesOf(type);
  const auto weights = gaussian(kCount, seed);
  pair.final.resize(kCount * size);
  fromFloat(type, weights, pair.final);
  pair.base.kind = kind;
  pair.base.finalType = type;
  pair.base.count = kCount;
  pair.values.resize(kCount * size);
  if (kind == BaseKind::Same) {
    auto parent = weights;
    const auto steps = gaussian(kCount, seed + 1);
    for (std::size_t i = 0; i < kCount; ++i) parent[i] += 0.01f * steps[i];
    fromFloat(type, parent, pair.values);
    pair.base.values = pair.values;
  } else if (kind != BaseKind::None) {
    quantize(kind, type, pair.final, pair);
    baseValues(pair.base, pair.values);
    pair.base.values = pair.values;
  }
  for (std::uint32_t i = 0; i < kPatterns; ++i) std::memcpy(pair.final.data() + 2 * i * size, &i, 2);
  return pair;
}

Result<ModelPtr> modelFor(const DeltaCodec& coder, const Pair& pair) {
  if (coder.id() == CodecId::LowRank) {
    LowRankTerm term;
    term.rank = kRank;
    term.scale = 2;
    term.a.resize(kRank * kColumns * sizeof(float));
    term.b.resize(kRows * kRank * sizeof(float));
    fromFloat(DType::F32, gaussian(kRank * kColumns, 11), term.a);
    fromFloat(DType::F32, gaussian(kRows * kRank, 12), term.b);
    std::vector<LowRankTerm> terms;
    terms.push_back(std::move(term));
    return makeLowRankModel(kRows, kColumns, false, std::move(terms));
  }
  const DeltaSample sample{pair.base, pair.final};
  return coder.fit(std::span(&sample, 1), {});
}

/// A pair in the form of one codec.
struct Coded {
  ModelPtr model;
  std::vector<std::byte> chunk;
};

Result<Coded> encode(const DeltaCodec& coder, const Pair& pair) {
  Coded coded;
  DELTASCOPE_ASSIGN(coded.model, modelFor(coder, pair));
  DELTASCOPE_TRY(coder.encode(pair.base, pair.final, coded.model.get(), {}, coded.chunk));
  return coded;
}

std::string overBase(const Pair& pair) {
  return " over " + std::string(nameOf(pair.base.kind)) + ", " + std::string(nameOf(pair.base.finalType));
}

SelfTestCheck compare(std::string name, const Result<void>& decoded, const Pair& pair, std::span<const std::byte> back) {
  SelfTestCheck result;
  result.name = std::move(name);
  if (!decoded) {
    result.detail = describe(decoded.error());
    return result;
  }
  const std::size_t size = bytesOf(pair.base.finalType);
  std::uint64_t different = 0, first = 0;
  for (std::size_t i = kCount; i-- > 0;)
    if (std::memcmp(back.data() + i * size, pair.final.data() + i * size, size) != 0) ++different, first = i;
  result.passed = different == 0;
  result.detail = result.passed ? "bit-exact: " + formatCount(kCount) + " of " + formatCount(kCount)
                                : formatCount(different) + " differ, first at " + formatCount(first);
  return result;
}

/// A GPU that decodes what the processor decodes.
struct Gpu {
  explicit Gpu(const std::shared_ptr<kernels::Backend>& backend)
      : rebuilder(backend, {.guarded = true}), id(backend->device().id) {}
  DeviceRebuilder rebuilder;
  std::string id;
};

/// What a device made of damaged chunks.
struct Damage {
  std::uint64_t chunks = 0, found = 0;
  std::string wrong;  ///< the first thing that must not happen
};

/// Chunks with a few bytes changed or an end that is missing: each is an error or some bytes, and nothing else.
void damage(const DeltaCodec& coder, const Pair& pair, const Coded& coded, Gpu& gpu, std::mt19937& random, Damage& damage) {
  constexpr int kTries = 8;
  constexpr std::size_t kHead = 64;  // where headers and tables are
  std::vector<std::byte> back(pair.final.size());
  for (int k = 0; k < kTries && damage.wrong.empty(); ++k) {
    auto chunk = coded.chunk;
    if (k == 0) chunk.resize(random() % (chunk.size() + 1));
    for (unsigned flips = 1 + random() % 4; !chunk.empty() && flips-- > 0;)
      chunk[random() % (k % 2 ? chunk.size() : std::min(kHead, chunk.size()))] ^= static_cast<std::byte>(1 + random() % 255);
    const auto decoded = gpu.rebuilder.decode(coder.id(), pair.base, chunk, coded.model, 0, back);
    ++damage.chunks;
    if (decoded) continue;
    ++damage.found;
    if (decoded.error().code != ErrorCode::Corrupt)
      damage.wrong = std::string(nameOf(coder.id())) + ": " + describe(decoded.error());
  }
}

SelfTestCheck summary(const Damage& damage, const Pair& pair, const Gpu& gpu) {
  SelfTestCheck result;
  result.name = "damaged chunks" + overBase(pair) + ", on " + gpu.id;
  result.passed = damage.wrong.empty();
  result.detail = result.passed ? formatCount(damage.chunks) + " decoded, " + formatCount(damage.found) +
                                      " found damaged, nothing written outside"
                                : damage.wrong;
  return result;
}

void test(const DeltaCodec& coder, const Pair& pair, Gpu* gpu, std::mt19937& random, Damage& damaged, Checks& checks) {
  const std::string name = std::string(nameOf(coder.id())) + overBase(pair);
  const auto coded = encode(coder, pair);
  if (!coded) {
    checks.push_back({name, false, describe(coded.error())});
    return;
  }
  std::vector<std::byte> back(pair.final.size());
  auto decoded = coder.decode(pair.base, coded->chunk, coded->model.get(), back);
  checks.push_back(compare(name, decoded, pair, back));
  if (!gpu) return;
  decoded = gpu->rebuilder.decode(coder.id(), pair.base, coded->chunk, coded->model, 0, back);
  checks.push_back(compare(name + ", on " + gpu->id, decoded, pair, back));
  damage(coder, pair, *coded, *gpu, random, damaged);
}

}  // namespace

Result<void> testCodecs(const std::shared_ptr<kernels::Backend>& backend, const std::stop_token& stop, Checks& checks) {
  constexpr std::array kTypes{DType::BF16, DType::F16, DType::F32};
  constexpr std::array kKinds{BaseKind::None, BaseKind::Same, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8, BaseKind::Int4};
  std::optional<Gpu> gpu;
  if (backend->gpu()) gpu.emplace(backend);
  std::mt19937 random(17);
  for (const auto type : kTypes)
    for (const auto kind : kKinds) {
      const Pair pair = makePair(kind, type, 7 * static_cast<std::uint64_t>(kind) + static_cast<std::uint64_t>(type));
      Damage damaged;
      for (const auto id : {CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::LowRank,
                            CodecId::Additive}) {
        if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
        if (codec(id).supports(kind, type)) test(codec(id), pair, gpu ? &*gpu : nullptr, random, damaged, checks);
      }
      if (gpu) checks.push_back(summary(damaged, pair, *gpu));
    }
  return {};
}

}  // namespace deltascope::selftest
