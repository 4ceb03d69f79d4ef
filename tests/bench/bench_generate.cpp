// SPDX-License-Identifier: Apache-2.0
/// Decoding on the processor: bench_generate CHECKPOINT PACKED [threads 2] [tokens 16] [rounds 5].
/// CHECKPOINT is what PACKED was made from. All ways of running it in turn, round after round, and between them the machine's
/// read bandwidth with as many threads. Prints for each the median time a token and its range, the bytes of weights a token
/// needs, GB/s, the share of the read bandwidth (medians), the peak of accounted memory and the hash of the logits.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/base/units.h"
#include "core/runtime/runtime.h"
#include "tests/bench/read_bandwidth.h"

using namespace deltascope;

namespace {

constexpr std::uint64_t kProbeBytes = std::uint64_t{1} << 30;

struct Way {
  std::string name;
  LoadRequest request;
  std::unique_ptr<Session> session;
  double bytes = 0;  ///< of weights, a token
  std::vector<double> seconds;
  std::uint64_t peak = 0;
  std::string hash;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// What a token reads: the weight, or its base and delta; of a table that is only looked up, nothing to speak of.
double bytesPerToken(const Model& model) {
  double bytes = 0;
  const bool tied = model.config().tiedEmbeddings;
  for (const auto& t : model.plan().tensors) {
    if (!tied && t.name == "model.embed_tokens.weight") continue;
    bytes += static_cast<double>(t.placement == Placement::Static ? t.finalBytes : t.baseBytes + t.deltaBytes);
  }
  return bytes;
}

int fail(const Error& error) {
  std::fprintf(stderr, "bench_generate: %s\n", describe(error).c_str());
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_generate CHECKPOINT PACKED [threads] [tokens] [rounds]\n");
    return 2;
  }
  const unsigned threads = argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 2;
  const auto tokens = static_cast<std::uint32_t>(argc > 4 ? std::atoi(argv[4]) : 16);
  const int rounds = argc > 5 ? std::atoi(argv[5]) : 5;

  std::vector<Way> ways;
  const auto add = [&](const char* name, const char* path, std::optional<Placement> placement, bool baseOnly) {
    Way way;
    way.name = name;
    way.request.path = path;
    way.request.placement = placement;
    way.request.baseOnly = baseOnly;
    way.request.threads = threads;
    way.request.context = tokens + 8;
    ways.push_back(std::move(way));
  };
  add("checkpoint, BF16", argv[1], {}, false);
  add("exact, static", argv[2], Placement::Static, false);
  add("exact, jit", argv[2], Placement::Jit, false);
  add("exact, stream", argv[2], Placement::Stream, false);
  add("base only", argv[2], {}, true);
  for (auto& way : ways) {
    auto model = Model::load(way.request, {});
    if (!model) return fail(model.error());
    way.bytes = bytesPerToken(**model);
    auto session = Session::create(*model);
    if (!session) return fail(session.error());
    way.session = std::move(*session);
  }

  const std::vector<std::uint64_t> probe(kProbeBytes / sizeof(std::uint64_t), 1);
  std::vector<double> bandwidth;
  for (int round = 0; round < rounds; ++round)
    for (auto& way : ways) {
      bandwidth.push_back(bench::readBandwidth(probe, threads));
      GenerateRequest request;
      request.prompt = {1, 2, 3, 4};
      request.maxNewTokens = tokens;
      request.ignoreEnd = true;
      double last = 0;
      request.onToken = [&](const TokenEvent& event) {
        if (last > 0) way.seconds.push_back(event.seconds - last);
        last = event.seconds;
      };
      way.session->clear();
      const auto result = way.session->generate(request, {});
      if (!result) return fail(result.error());
      way.peak = result->peakMemoryBytes;
      way.hash = result->logitsHash;
    }

  const double read = median(bandwidth);
  std::printf("read bandwidth, %u threads: %.1f GB/s (median of %zu; best %.1f)\n", threads, read / 1e9, bandwidth.size(),
              *std::max_element(bandwidth.begin(), bandwidth.end()) / 1e9);
  std::printf("%-18s %10s %19s %9s %8s %7s %8s %12s  %s\n", "way", "ms/token", "range", "tokens/s", "MB/token", "GB/s", "share",
              "peak", "logits");
  for (const auto& way : ways) {
    const double time = median(way.seconds);
    const auto [least, most] = std::minmax_element(way.seconds.begin(), way.seconds.end());
    std::printf("%-18s %10.2f %8.2f – %8.2f %9.2f %8.0f %7.2f %7.1f%% %12s  %.8s\n", way.name.c_str(), 1e3 * time, 1e3 * *least,
                1e3 * *most, 1 / time, way.bytes / 1e6, way.bytes / time / 1e9, 100 * way.bytes / time / read,
                formatGib(way.peak).c_str(), way.hash.c_str());
  }
  return 0;
}
