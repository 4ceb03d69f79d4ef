// SPDX-License-Identifier: Apache-2.0
// Sizes, speed and memory of whole jobs:  bench_jobs DEMO_FOLDER WORK_FOLDER [BASE_OF_CHAT] [--large]
// DEMO_FOLDER holds chat and lora-pirate; WORK_FOLDER is made and deleted again; --large packs two layers of Llama-3.1-8B (5 GB
// of disk).
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/base/units.h"
#include "core/pack/pack.h"
#include "core/payload/writer.h"
#include "core/rebuild/verify.h"
#include "core/synth/synth.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

double cpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class T>
T take(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", describe(result.error()).c_str());
    std::exit(1);
  }
  return std::move(*result);
}

JobContext oneThread() {
  JobContext job;
  job.threads = 1;
  return job;
}

/// CPU time counts: what one thread can do, whoever else is on the machine; reading and writing files included.
void packAndVerify(const char* what, PackRequest request, const fs::path& out) {
  fs::remove_all(out);
  request.out = out;
  const double start = cpuSeconds();
  const auto packed = take(pack(request, oneThread()));
  const double packSeconds = cpuSeconds() - start;
  const auto verdict =
      take(verify({.path = out, .base = request.base, .final = {}, .device = "cpu", .onTensor = {}}, oneThread()));
  const double verifySeconds = cpuSeconds() - start - packSeconds;
  const double gb = static_cast<double>(packed.finalBytes) / 1e9;
  std::printf("%-34s %7.3f bits/weight, %7.3f with the base; %10s payload; pack %5.2f, verify %5.2f GB/s; %s\n", what,
              packed.payloadBitsPerWeight, packed.totalBitsPerWeight, formatCount(packed.payloadBytes).c_str(),
              gb / packSeconds, gb / verifySeconds, verdict.bitExact ? "bit-exact" : "NOT BIT-EXACT");
}

void quantizedDemo(const fs::path& chat, const fs::path& work) {
  PackRequest request;
  request.final = chat;
  request.scope = PackScope::All;
  request.quantize = QuantFormat::Nf4;
  packAndVerify("chat, nf4, auto", request, work / "packed");
  for (const CodecId id : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive}) {
    request.codec = id;
    packAndVerify(("chat, nf4, " + std::string(nameOf(id))).c_str(), request, work / "packed");
  }
  request.codec.reset();
  request.doubleQuant = true;
  packAndVerify("chat, nf4 double, auto", request, work / "packed");
  request.doubleQuant = false;
  request.quantize = QuantFormat::Fp4;
  packAndVerify("chat, fp4, auto", request, work / "packed");
  request.quantize = QuantFormat::Int8;
  packAndVerify("chat, int8, auto", request, work / "packed");
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::Linear;
  packAndVerify("chat, nf4 linear layers, auto", request, work / "packed");
}

void openThousand(const fs::path& work) {
  PayloadPlan plan;
  for (int i = 0; i < 1000; ++i) {
    TensorStats t;
    t.name = "model.layers." + std::to_string(i / 7) + ".mlp.experts." + std::to_string(i % 7) + ".down_proj.weight";
    t.shape = {64, 64};
    t.elements = 4096;
    t.finalBytes = 8192;
    t.codec = CodecId::Raw;
    t.chunkElements = 65536;
    plan.manifest.tensors.push_back(std::move(t));
    plan.streamBounds.push_back(64);
  }
  std::ranges::sort(plan.manifest.tensors, naturalLess, &TensorStats::name);
  const auto rows = plan.manifest.tensors;
  const fs::path path = work / "thousand.delta.safetensors";
  auto writer = take(PayloadWriter::create(path, std::move(plan)));
  const std::vector<std::byte> chunk(64);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!writer.appendChunk(i, chunk) || !writer.finishTensor(i, rows[i])) std::exit(1);
  if (!writer.commit()) std::exit(1);
  double least = 1e9;
  for (int i = 0; i < 20; ++i) {
    const double start = cpuSeconds();
    (void)take(Payload::open(path));
    least = std::min(least, cpuSeconds() - start);
  }
  std::printf("open a payload of 1,000 tensors: %.1f ms, header %s bytes\n", 1e3 * least,
              formatCount(take(Payload::open(path)).headerBytes()).c_str());
}

void large(const fs::path& work) {
  SynthRequest synthetic;
  synthetic.layers = 2;
  synthetic.out = work / "synth";
  const double start = cpuSeconds();
  const auto made = take(synth(synthetic, oneThread()));
  std::printf("synth llama-3.1-8b, 2 layers: %s, %.2f GB/s\n", formatGib(made.bytes).c_str(),
              static_cast<double>(made.bytes) / 1e9 / (cpuSeconds() - start));
  PackRequest request;
  request.final = synthetic.out;
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  for (const CodecId id : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd}) {
    request.codec = id;
    packAndVerify(("llama-3.1-8b, nf4, " + std::string(nameOf(id))).c_str(), request, work / "packed");
  }
  std::printf("peak resident memory so far, packing and verifying: %s\n", formatGib(residentMemory().peak).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_jobs DEMO_FOLDER WORK_FOLDER [BASE_OF_CHAT] [--large]\n");
    return 2;
  }
  const fs::path demo = argv[1], work = argv[2];
  if (!fs::create_directories(work)) {
    std::fprintf(stderr, "%s exists already\n", work.c_str());
    return 2;
  }
  if (std::strcmp(argv[argc - 1], "--large") == 0) large(work);
  quantizedDemo(demo / "chat", work);
  if (argc > 3 && argv[3][0] != '-') {
    PackRequest request;
    request.base = argv[3];
    request.final = demo / "chat";
    packAndVerify("chat over its base", request, work / "tuned.delta.safetensors");
  }
  PackRequest adapter;
  adapter.base = demo / "chat";
  adapter.adapters = {demo / "lora-pirate"};
  packAndVerify("lora-pirate over chat", adapter, work / "lora.delta.safetensors");
  std::printf("  against the adapter's file: %.4f\n",
              static_cast<double>(fs::file_size(work / "lora.delta.safetensors")) /
                  static_cast<double>(fs::file_size(demo / "lora-pirate/adapter_model.safetensors")));
  PackRequest estimate;
  estimate.final = demo / "chat";
  estimate.quantize = QuantFormat::Nf4;
  const auto start = std::chrono::steady_clock::now();
  const double cpu = cpuSeconds();
  (void)take(estimatePack(estimate, {}));
  std::printf("estimate of chat, nf4: %.2f s, %.2f s of CPU time\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), cpuSeconds() - cpu);
  openThousand(work);
  fs::remove_all(work);
}
