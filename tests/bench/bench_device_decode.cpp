// SPDX-License-Identifier: Apache-2.0
// How fast a device decodes: every codec over every base, chunks of a million weights, as GB/s of finals.
//   bench_device_decode [DEVICE]
#include <cstdio>
#include <cstring>
#include <random>

#include "core/codec/device_chunk.h"
#include "core/codec/device_decoder.h"
#include "core/codec/lowrank.h"
#include "core/codec/statistics.h"
#include "core/quant/quant.h"
#include "kernels/backend.h"
#include "kernels/gpu_ops.h"

using namespace deltascope;

namespace {

constexpr std::size_t kColumns = 4096, kRows = 256, kCount = kRows * kColumns;
constexpr int kRounds = 20, kChunks = 16;

std::vector<float> gaussian(std::size_t n, float spread, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(n);
  for (auto& value : values) value = normal(random);
  return values;
}

struct Weights {
  BaseSlice base;
  std::vector<std::byte> final, values;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
};

/// A tenth of the elements of a Same base changed.
Weights makeWeights(BaseKind kind, DType type) {
  Weights w;
  const std::size_t bytes = kCount * bytesOf(type);
  auto floats = gaussian(kCount, 0.02f, 1);
  w.final.resize(bytes);
  w.values.resize(bytes);
  w.base.kind = kind;
  w.base.finalType = type;
  w.base.count = kCount;
  fromFloat(type, floats, w.final);
  if (kind == BaseKind::Same) {
    const auto steps = gaussian(kCount, 1e-4f, 2);
    for (std::size_t i = 0; i < kCount; i += 10) floats[i] += steps[i];
    fromFloat(type, floats, w.values);
  } else if (kind == BaseKind::Int8) {
    w.codes.resize(kCount);
    w.scales.resize(kRows);
    rowAbsmax(type, w.final, kColumns, w.scales);
    quantizeInt8(type, w.final, 0, kColumns, w.scales, {reinterpret_cast<std::int8_t*>(w.codes.data()), kCount});
    w.base.group = kColumns;
  } else if (kind == BaseKind::Nf4) {
    w.codes.resize(kCount / 2);
    w.scales.resize(kCount / 64);
    quantize4bit(QuantFormat::Nf4, type, w.final, 64, w.codes, w.scales);
  }
  w.base.codes = w.codes;
  w.base.scales = w.scales;
  if (kind == BaseKind::Nf4 || kind == BaseKind::Int8) baseValues(w.base, w.values);
  if (kind != BaseKind::None) w.base.values = w.values;
  return w;
}

Result<ModelPtr> modelFor(CodecId id, Weights& w) {
  if (id != CodecId::LowRank) {
    const DeltaSample sample{w.base, w.final};
    return codec(id).fit({&sample, 1}, {});
  }
  LowRankTerm term;
  term.rank = 16;
  term.a.resize(16 * kColumns * sizeof(float));
  term.b.resize(16 * kRows * sizeof(float));
  fromFloat(DType::F32, gaussian(16 * kColumns, 0.02f, 3), term.a);
  fromFloat(DType::F32, gaussian(16 * kRows, 0.02f, 4), term.b);
  std::vector<LowRankTerm> terms;
  terms.push_back(std::move(term));
  DELTASCOPE_ASSIGN(auto model, makeLowRankModel(kRows, kColumns, false, std::move(terms)));
  DELTASCOPE_TRY(applyLowRank(*model, w.base, w.final));
  for (std::size_t i = 0; i < w.final.size(); i += 20000) w.final[i] ^= std::byte{1};
  return model;
}

bool measure(kernels::Backend& backend, CodecId id, BaseKind kind, DType type) {
  Weights w = makeWeights(kind, type);
  if (id == CodecId::Identical) w.final = w.values;
  const auto model = modelFor(id, w);
  std::vector<std::byte> chunk;
  if (!model || !codec(id).encode(w.base, w.final, model->get(), {}, chunk)) return false;
  std::vector<std::byte> form(deviceChunkBound(id, type, kCount, chunk.size()));
  const auto used = writeDeviceChunk(id, type, 0, kCount, chunk, form);
  const auto device = DeviceModel::create(id, kind, type, *model, kCount);
  if (!used || !device) return false;
  const auto decoder = backend.gpu()->makeDecoder(device->args());
  if (!decoder) return std::fprintf(stderr, "%s\n", decoder.error().message.c_str()), false;
  const auto put = [&](const void* from, std::size_t bytes) {
    auto buffer = *backend.allocate(bytes + 16, "bench");
    backend.copyIn(buffer.data(), from, bytes);
    return buffer;
  };
  const auto stored = put(form.data(), *used), into = put(w.final.data(), w.final.size());
  const auto values = put(w.values.data(), w.values.size()), codes = put(w.codes.data(), w.codes.size());
  const auto scales = put(w.scales.data(), w.scales.size() * sizeof(float));
  kernels::DecodeArgs args;
  args.decoder = decoder->get();
  args.base = deviceBase(kind, type, w.base.group);
  args.base.count = kCount;
  args.base.values = values.data();
  args.base.codes = codes.as<std::uint8_t>();
  args.base.scales = scales.as<float>();
  args.chunk = stored.as<std::byte>();
  args.chunkBytes = *used;
  args.into = into.data();
  const auto timer = backend.makeTimer();
  const std::vector<kernels::DecodeArgs> batch(kChunks, args);  // as many as a large weight has, all alike
  if (!backend.gpu()->decode(batch)) return false;
  timer->start();
  for (int k = 0; k < kRounds; ++k)
    if (!backend.gpu()->decode(batch)) return false;
  timer->stop();
  const auto ms = timer->milliseconds();
  std::vector<std::byte> back(w.final.size());
  backend.copyOut(back.data(), into.data(), back.size());
  const auto done = backend.synchronize();
  if (!ms || !done) return std::fprintf(stderr, "%s\n", (done ? ms.error() : done.error()).message.c_str()), false;
  const bool exact = back == w.final;
  std::printf("%-9s over %-4s %-4s %6.2f bits/weight  %8.1f us  %7.1f GB/s  %s\n", std::string(nameOf(id)).c_str(),
              std::string(nameOf(kind)).c_str(), std::string(nameOf(type)).c_str(),
              8.0 * static_cast<double>(chunk.size()) / kCount, *ms * 1e3 / kRounds / kChunks,
              static_cast<double>(w.final.size()) * kRounds * kChunks / *ms / 1e6, exact ? "bit-exact" : "DIFFERS");
  return exact;
}

}  // namespace

int main(int argc, char** argv) {
  kernels::BackendOptions options;
  options.device = argc > 1 ? argv[1] : "cuda:0";
  const auto backend = kernels::openBackend(options);
  if (!backend) return std::fprintf(stderr, "%s\n", backend.error().message.c_str()), 1;
  bool good = true;
  for (const auto type : {DType::BF16, DType::F32})
    for (const auto kind : {BaseKind::None, BaseKind::Same, BaseKind::Nf4, BaseKind::Int8})
      for (const auto id : {CodecId::Identical, CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack,
                            CodecId::Zstd, CodecId::LowRank, CodecId::Additive})
        if (codec(id).supports(kind, type)) good = measure(**backend, id, kind, type) && good;
  return good ? 0 : 1;
}
