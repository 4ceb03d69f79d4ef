// SPDX-License-Identifier: Apache-2.0
// Size and speed of the codecs, a thread, beside a plain copy:  bench_codecs [million weights] [student-t degrees, 0: Gaussian]
//
// "ranges" is decoding as it happens at run time, 131,072 weights at a time into the same scratch: with everything in the
// caches, and from memory with one and with two threads.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

#include "core/codec/codec.h"
#include "core/quant/quant.h"

using namespace deltascope;

namespace {

/// Time this thread has computed: what one thread can do, whoever else is on the machine.
double seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class F>
double median(int rounds, F&& f) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const double start = seconds();
    f();
    times.push_back(seconds() - start);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds) / 2];
}

constexpr std::size_t kRange = 32 * kTileElements;

/// One codec's chunk, as a layer's weight is held at run time.
struct Held {
  const DeltaCodec& codec;
  const BaseSlice& base;
  const std::vector<std::byte>& chunk;
  const CodecModel* model;
};

/// Decodes every `stride`-th range from range `first` on, or the first again and again; returns GB/s of finals.
double decodeRanges(const Held& held, std::size_t first, std::size_t stride, bool again, std::vector<std::byte>& scratch) {
  const double start = seconds();
  double bytes = 0;
  for (std::size_t r = first; (r + 1) * kRange <= held.base.count; r += stride) {
    const std::uint64_t offset = again ? 0 : r * kRange;
    if (!held.codec.decodeRange(partOf(held.base, offset, kRange), held.base.count, offset, held.chunk, held.model, scratch))
      std::abort();
    bytes += static_cast<double>(scratch.size());
  }
  return bytes / 1e9 / (seconds() - start);
}

/// Reads what is larger than the caches.
void evict() {
  static std::vector<std::uint64_t> other(128 << 17, 1);
  std::uint64_t sum = 0;
  for (auto& word : other) sum += word++;
  other[0] = sum;
}

struct RangeSpeeds {
  double warm = 0, cold = 0, coldOfTwo = 0;  ///< GB/s a thread
};
RangeSpeeds rangeSpeeds(const Held& held) {
  const std::size_t bytes = kRange * bytesOf(held.base.finalType);
  std::vector<std::byte> scratch[2] = {std::vector<std::byte>(bytes), std::vector<std::byte>(bytes)};
  std::vector<double> warm, cold, two;
  for (int round = 0; round < 5; ++round) {
    warm.push_back(decodeRanges(held, 0, 1, true, scratch[0]));
    evict();
    cold.push_back(decodeRanges(held, 0, 1, false, scratch[0]));
    evict();
    double speed[2];
    std::thread other([&] { speed[1] = decodeRanges(held, 1, 2, false, scratch[1]); });
    speed[0] = decodeRanges(held, 0, 2, false, scratch[0]);
    other.join();
    two.push_back((speed[0] + speed[1]) / 2);
  }
  for (auto* speeds : {&warm, &cold, &two}) std::sort(speeds->begin(), speeds->end());
  return {warm[2], cold[2], two[2]};
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t n =
      static_cast<std::size_t>(argc > 1 ? std::atof(argv[1]) * 1048576 : 8 * 1048576.0) / kTileElements * kTileElements;
  const double degrees = argc > 2 ? std::atof(argv[2]) : 0;
  std::vector<float> floats(n);
  std::mt19937 random(1);
  std::normal_distribution<float> gauss(0, 0.02f);
  std::student_t_distribution<float> student(static_cast<float>(degrees > 0 ? degrees : 6));
  for (auto& f : floats) f = degrees > 0 ? student(random) * 0.015f : gauss(random);
  std::normal_distribution<float> step(0, 1e-4f);
  std::printf("%zu weights, %s, sigma 0.02, blocksize 64; GB/s of final weights a thread by CPU time; medians of 5\n", n,
              degrees > 0 ? "Student-t" : "Gaussian");

  for (DType type : {DType::BF16, DType::F16, DType::F32}) {
    std::vector<std::byte> final(n * bytesOf(type)), parent(n * bytesOf(type)), back(final.size());
    fromFloat(type, floats, final);
    std::vector<float> moved(floats);
    for (auto& f : moved) f += step(random);
    fromFloat(type, moved, parent);
    const double gb = static_cast<double>(final.size()) / 1e9;
    std::printf("%s: copy %.2f GB/s\n", std::string(nameOf(type)).c_str(),
                gb / median(5, [&] { std::memcpy(back.data(), final.data(), final.size()); }));
    for (BaseKind base : {BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8, BaseKind::Same, BaseKind::None}) {
      std::vector<std::uint8_t> codes;
      std::vector<float> scales;
      BaseSlice slice{base, type, 0, n, {}, {}, {}, 64};
      if (base == BaseKind::Nf4 || base == BaseKind::Fp4) {
        codes.resize(n / 2);
        scales.resize(n / 64);
        quantize4bit(base == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4, type, final, 64, codes, scales);
      } else if (base == BaseKind::Int8) {
        slice.group = 4096;
        codes.resize(n);
        scales.resize(n / 4096);
        rowAbsmax(type, final, 4096, scales);
        quantizeInt8(type, final, 0, 4096, scales, {reinterpret_cast<std::int8_t*>(codes.data()), n});
      }
      slice.codes = codes;
      slice.scales = scales;
      if (base == BaseKind::Same) slice.values = parent;
      for (CodecId id : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd}) {
        const DeltaCodec& c = codec(id);
        DeltaSample sample{slice, final};
        sample.base.count = std::min<std::size_t>(n, 64 * kTileElements);
        sample.final = sample.final.first(sample.base.count * bytesOf(type));
        if (!sample.base.values.empty()) sample.base.values = sample.base.values.first(sample.final.size());
        double start = seconds();
        const auto model = c.fit({&sample, 1}, {});
        const double fitting = seconds() - start;
        if (!model) return std::puts(model.error().message.c_str()), 1;
        std::vector<std::byte> out;
        ChunkStats stats;
        const double encoding = median(5, [&] {
          out.clear();
          stats = *c.encode(slice, final, model->get(), {}, out);
        });
        const double decoding = median(5, [&] {
          if (!c.decode(slice, out, model->get(), back)) std::abort();
        });
        const bool exact = std::memcmp(back.data(), final.data(), final.size()) == 0;
        std::printf("  %-5s %-8s %7.4f bits  patches %.4f%%  raw %llu  fit %4.0f ms  encode %5.2f  decode %5.2f GB/s  %s",
                    std::string(nameOf(base)).c_str(), std::string(nameOf(id)).c_str(),
                    8.0 * static_cast<double>(out.size()) / static_cast<double>(n),
                    100.0 * static_cast<double>(stats.patches) / static_cast<double>(n),
                    static_cast<unsigned long long>(stats.rawTiles), fitting * 1e3, gb / encoding, gb / decoding,
                    exact ? "bit-exact" : "DIFFERENT");
        if (c.rangeStep(type, n) == kTileElements && n >= 2 * kRange) {
          const auto ranges = rangeSpeeds({c, slice, out, model->get()});
          std::printf("  ranges %5.2f warm %5.2f cold %5.2f cold, two threads", ranges.warm, ranges.cold, ranges.coldOfTwo);
        }
        std::puts("");
      }
    }
  }
  return 0;
}
