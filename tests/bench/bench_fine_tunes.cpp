// SPDX-License-Identifier: Apache-2.0
// Deltas between a BF16 parent and its child: size against the BitX baseline and speed of one thread, codec by codec.
//   bench_fine_tunes [folder with demo/base, demo/chat and demo/lora-pirate]
// Sizes count all that a payload stores of a tensor but its line in the header. Times are of one thread's processor time.
#include <time.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>

#include "core/checkpoint/adapter.h"
#include "core/codec/codec.h"
#include "core/codec/lowrank.h"
#include "core/codec/statistics.h"
#include "kernels/half.h"

using namespace deltascope;

namespace {

using Bytes = std::vector<std::byte>;
struct Pair {
  Bytes base, final;
  [[nodiscard]] std::size_t count() const { return final.size() / 2; }
};
struct Row {
  std::string name;
  std::vector<Pair> tensors;
};
std::size_t elementsOf(const Row& row) {
  std::size_t n = 0;
  for (const auto& pair : row.tensors) n += pair.count();
  return n;
}

/// Seconds this thread has computed: other programs on the machine do not count.
double now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

BaseSlice sliceOf(const Pair& pair, std::size_t first, std::size_t count) {
  BaseSlice slice;
  slice.kind = BaseKind::Same;
  slice.finalType = DType::BF16;
  slice.first = first;
  slice.count = count;
  slice.values = std::span(pair.base).subspan(first * 2, count * 2);
  return slice;
}

/// The published layout: XOR, then exponents and the rest as two planes, each one zstd-3 frame over the whole tensor. The
/// smaller of two splits is taken: exponent apart from sign and mantissa, and the two bytes as they are.
std::size_t bitxBytes(const Pair& pair, double& seconds) {
  const auto n = pair.count();
  std::vector<std::uint8_t> high(n), low(n);
  Bytes frame(ZSTD_compressBound(n));
  std::size_t best = 0;
  for (const bool rotate : {true, false}) {
    const auto start = now();
    for (std::size_t i = 0; i < n; ++i) {
      std::uint16_t b, f;
      std::memcpy(&b, pair.base.data() + 2 * i, 2);
      std::memcpy(&f, pair.final.data() + 2 * i, 2);
      auto x = static_cast<std::uint16_t>(b ^ f);
      if (rotate) x = static_cast<std::uint16_t>(x << 1 | x >> 15);
      high[i] = static_cast<std::uint8_t>(x >> 8);
      low[i] = static_cast<std::uint8_t>(x);
    }
    std::size_t size = 0;
    for (const auto& plane : {std::span(high), std::span(low)})
      size += ZSTD_compress(frame.data(), frame.size(), plane.data(), plane.size(), 3);
    seconds += (now() - start) / 2;
    best = best == 0 ? size : std::min(best, size);
  }
  return best;
}

struct Outcome {
  double bits = 0, encode = 0, decode = 0;
  bool exact = true;
};

/// As a payload would hold it: 64 chunks a tensor at most, one model for all, 16 bytes a chunk in the directory.
Outcome measure(const DeltaCodec& codec, const Row& row, const std::vector<ModelPtr>* given) {
  constexpr int kRuns = 3;
  const CodecOptions options;
  std::vector<DeltaSample> samples;
  for (const auto& pair : row.tensors) {
    const std::size_t step = std::max<std::size_t>(1, pair.count() / 16 / 4096) * 4096;
    for (std::size_t first = 0; first < pair.count(); first += step) {
      const auto n = std::min<std::size_t>({pair.count() - first, step, 16384});
      samples.push_back({sliceOf(pair, first, n), std::span(pair.final).subspan(first * 2, n * 2)});
    }
  }
  ModelPtr model;
  std::size_t stored = 0;
  if (!given) {
    auto fitted = codec.fit(samples, options);
    if (!fitted) std::fprintf(stderr, "%s\n", fitted.error().message.c_str());
    model = fitted.value_or(nullptr);
    if (model) stored += model->serialize().size();
  }
  std::vector<double> encode, decode;
  Outcome outcome;
  for (int run = 0; run < kRuns; ++run) {
    double encodeTime = 0, decodeTime = 0;
    for (std::size_t t = 0; t < row.tensors.size(); ++t) {
      const auto& pair = row.tensors[t];
      const auto* m = given ? (*given)[t].get() : model.get();
      if (run == 0 && given) stored += m->serialize().size();
      const auto chunk = std::max<std::size_t>(1, (pair.count() + 64 * 4096 - 1) / (64 * 4096)) * 4096;
      Bytes back(pair.final.size());
      for (std::size_t first = 0; first < pair.count(); first += chunk) {
        const auto n = std::min(chunk, pair.count() - first);
        const auto base = sliceOf(pair, first, n);
        Bytes out;
        auto start = now();
        const auto coded = codec.encode(base, std::span(pair.final).subspan(first * 2, n * 2), m, options, out);
        encodeTime += now() - start;
        start = now();
        const auto decoded = codec.decode(base, out, m, std::span(back).subspan(first * 2, n * 2));
        decodeTime += now() - start;
        if (!coded || !decoded) outcome.exact = false;
        if (run == 0) stored += out.size() + 16;
      }
      outcome.exact = outcome.exact && back == pair.final;
    }
    encode.push_back(encodeTime);
    decode.push_back(decodeTime);
  }
  std::ranges::sort(encode);
  std::ranges::sort(decode);
  const auto elements = static_cast<double>(elementsOf(row));
  const auto finalBytes = 2.0 * elements;
  outcome.bits = 8.0 * static_cast<double>(stored) / elements;
  outcome.encode = finalBytes / encode[kRuns / 2] / 1e9;
  outcome.decode = finalBytes / decode[kRuns / 2] / 1e9;
  return outcome;
}

void print(const Row& row, const std::vector<ModelPtr>* lowRank = nullptr) {
  std::size_t baseline = 0;
  std::uint64_t same = 0;
  double seconds = 0, counting = 0;
  for (const auto& pair : row.tensors) {
    baseline += bitxBytes(pair, seconds);
    const auto start = now();
    same += countZeroDeltas(sliceOf(pair, 0, pair.count()), pair.final);
    counting += now() - start;
  }
  const auto n = static_cast<double>(elementsOf(row));
  const double bitx = 8.0 * static_cast<double>(baseline) / n;
  std::printf("\n%s: %.2f M weights, %.1f %% unchanged (counted at %.1f GB/s)\n", row.name.c_str(), n / 1e6,
              100.0 * static_cast<double>(same) / n, 2 * n / counting / 1e9);
  std::printf("  %-9s %12s %9s %12s %12s\n", "codec", "bits/weight", "of BitX", "encode GB/s", "decode GB/s");
  std::printf("  %-9s %12.3f %9.2f %12.2f\n", "BitX", bitx, 1.0, 2 * n / seconds / 1e9);
  for (std::size_t c = 0; c < kCodecCount; ++c) {
    const auto id = static_cast<CodecId>(c);
    if (id == CodecId::Identical || id == CodecId::Raw || (id == CodecId::LowRank && !lowRank)) continue;
    const auto r = measure(codec(id), row, id == CodecId::LowRank ? lowRank : nullptr);
    std::printf("  %-9s %12.3f %9.3f %12.2f %12.2f%s\n", std::string(nameOf(id)).c_str(), r.bits, r.bits / bitx, r.encode,
                r.decode, r.exact ? "" : "  NOT EXACT");
  }
  std::fflush(stdout);
}

Row gaussianSteps(const char* name, float step) {
  constexpr std::size_t kCount = 4u << 20;
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  Row row{name, {{Bytes(2 * kCount), Bytes(2 * kCount)}}};
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto b = kernels::toBf16KeepingNan(0.02f * normal(random));
    const auto f = kernels::toBf16KeepingNan(kernels::fromBf16(b) + step * normal(random));
    std::memcpy(row.tensors[0].base.data() + 2 * i, &b, 2);
    std::memcpy(row.tensors[0].final.data() + 2 * i, &f, 2);
  }
  return row;
}

Result<Row> demoRow(const char* name, const Checkpoint& base, const Checkpoint& final) {
  Row row{name, {}};
  for (const auto& tensor : final.tensors()) {
    const auto* other = base.find(tensor.name);
    if (!other || other->bytes != tensor.bytes || tensor.dtype != DType::BF16 || other->dtype != DType::BF16) continue;
    DELTASCOPE_ASSIGN(auto b, base.readAll(*other));
    DELTASCOPE_ASSIGN(auto f, final.readAll(tensor));
    row.tensors.push_back({std::move(b), std::move(f)});
  }
  return row;
}

/// The weights that an adapter changes, before and after its merge, and the model of each.
Result<void> printAdapter(const Checkpoint& base, const std::filesystem::path& folder) {
  DELTASCOPE_ASSIGN(const auto adapter, Adapter::open(folder));
  DELTASCOPE_ASSIGN(const auto terms, adapter.match(base));
  Row row{"demo LoRA merged over chat", {}};
  std::vector<ModelPtr> models;
  for (const auto& term : terms) {
    const auto* tensor = base.find(term.target);
    if (!tensor || term.kind != AdapterTerm::Kind::LowRank) continue;
    LowRankTerm lowRank{.dtype = term.a->dtype, .rank = term.rank, .scale = term.scale, .a = {}, .b = {}};
    DELTASCOPE_ASSIGN(lowRank.a, adapter.tensors().readAll(*term.a));
    DELTASCOPE_ASSIGN(lowRank.b, adapter.tensors().readAll(*term.b));
    DELTASCOPE_ASSIGN(auto model, makeLowRankModel(tensor->shape[0], tensor->shape[1], term.fanInFanOut, {std::move(lowRank)}));
    Pair pair;
    DELTASCOPE_ASSIGN(pair.base, base.readAll(*tensor));
    pair.final.resize(pair.base.size());
    DELTASCOPE_TRY(applyLowRank(*model, sliceOf(pair, 0, pair.count()), pair.final));
    row.tensors.push_back(std::move(pair));
    models.push_back(std::move(model));
  }
  print(row, &models);
  const auto file = static_cast<double>(std::filesystem::file_size(folder / "adapter_model.safetensors"));
  std::printf("  the adapter's file: %.3f bits/weight\n", 8.0 * file / static_cast<double>(elementsOf(row)));
  return {};
}

Result<void> printModels(const std::filesystem::path& models) {
  DELTASCOPE_ASSIGN(const auto base, Checkpoint::open(models / "demo/base"));
  DELTASCOPE_ASSIGN(const auto chat, Checkpoint::open(models / "demo/chat"));
  DELTASCOPE_ASSIGN(const auto row, demoRow("demo chat over base", base, chat));
  print(row);
  return printAdapter(chat, models / "demo/lora-pirate");
}

}  // namespace

int main(int argc, char** argv) {
  print(gaussianSteps("Gaussian step of 1e-4 on 0.02", 1e-4f));
  print(gaussianSteps("Gaussian step of 1e-5 on 0.02", 1e-5f));
  print(gaussianSteps("Gaussian step of 1e-6 on 0.02", 1e-6f));
  if (argc < 2) {
    std::printf("\nNo folder of models given: demo rows left out.\n");
    return 0;
  }
  if (const auto done = printModels(argv[1]); !done) {
    std::fprintf(stderr, "%s\n", describe(done.error()).c_str());
    return 1;
  }
  return 0;
}
