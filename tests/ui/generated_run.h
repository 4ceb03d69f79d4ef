// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Benchmark runs made up for tests of the window: figures follow from a row's place, so tests can say what to expect.
#include <string>

#include "core/bench/bench.h"

namespace deltascope::ui {

inline BenchmarkRow generatedRow(const std::string& tensor, const std::string& mode, std::uint64_t layerBytes,
                                 std::uint64_t residentBytes, double usedMs) {
  BenchmarkRow row;
  row.tensor = tensor;
  row.mode = mode;
  row.device = "cpu";
  row.codec = mode == "additive" || mode == "zstd" ? mode : "entropy";
  row.operation = "product";
  row.shape = {layerBytes / 512, 256};
  row.layerBytes = layerBytes;
  row.storedBytes = layerBytes * 7 / 10;
  row.residentBytes = residentBytes;
  row.residentMs.values = {0.125, 0.25, 0.1875};
  row.usedMs.values = {usedMs, usedMs * 1.25, usedMs * 1.5};
  if (mode != "base") row.rebuildMs.values = {2.0, 4.0, 3.0};
  row.copyShare = 0.25;
  row.peakMemoryBytes = residentBytes + 4096;
  row.elementsCompared = layerBytes / 2;
  row.bitExact = mode != "base";
  if (!row.bitExact) {
    row.elementsDifferent = row.elementsCompared - 17;
    row.firstDifference = 1;
  }
  row.outputNorm = 82.5;
  row.outputCount = row.shape.front();
  row.outputHash = mode == "base" ? "1111" : "08f5";
  return row;
}

inline BenchmarkRun emptyRun() {
  BenchmarkRun run;
  run.created = "2026-11-26T10:33:52Z";
  run.state = BenchmarkState::Complete;
  run.seconds = 1.5;
  run.path = "/models/generated";
  run.modelFingerprint = "e7d6612d";
  run.machine = {"Test processor", "Linux 6.1 x86_64", 2, std::uint64_t{1} << 34};
  run.device = {"cpu", "Test processor", "scalar", std::uint64_t{1} << 34};
  run.version = "0.1.0";
  run.commit = "0123456789ab";
  run.settings = {{"repeat", "3"}, {"warmup", "2"},      {"batch", "1"},    {"threads", "2"},
                  {"mode", "all"}, {"baselines", "yes"}, {"caches", "warm"}};
  run.seed = 1;
  run.copyBytesPerSecond = 2.5e10;
  run.memorySource = "/proc";
  run.ownPeakBytes = std::uint64_t{5} << 20;
  for (int i = 0; i < 8; ++i)
    run.memory.push_back({0.1 * i, std::uint64_t(1 + i % 4) << 20, std::uint64_t(2 + i % 4) << 20, std::uint64_t{1} << 30,
                          std::uint64_t{1} << 34});
  return run;
}

/// The embedding in three modes, a norm, three baselines, and one skip.
inline BenchmarkRun generatedRun() {
  BenchmarkRun run = emptyRun();
  constexpr std::uint64_t kMiB = 1 << 20;
  const std::string embedding = "model.embed_tokens.weight", norm = "model.layers.0.input_layernorm.weight";
  run.settings["tensors"] = norm + "," + embedding;
  run.rows = {generatedRow(embedding, "static", 4 * kMiB, 4 * kMiB, 0.13),
              generatedRow(embedding, "jit", 4 * kMiB, 3 * kMiB, 0.88), generatedRow(embedding, "stream", 4 * kMiB, kMiB, 1.64),
              generatedRow(norm, "static", 512, 512, 0.0001)};
  run.rows.back().shape = {256};
  run.rows.back().operation = "norm";
  run.baselines = {generatedRow(embedding, "additive", 4 * kMiB, 6 * kMiB, 22),
                   generatedRow(embedding, "zstd", 4 * kMiB, 3 * kMiB, 6.8),
                   generatedRow(embedding, "base", 4 * kMiB, kMiB, 0.12)};
  run.skipped = {{norm, "jit", "a vector is always static"}};
  return run;
}

inline BenchmarkRow generatedGeneration(const std::string& mode, double tokensPerSecond) {
  BenchmarkRow row =
      generatedRow("(generation)", mode, 16 << 20, mode == "resident" ? 16 << 20 : 10 << 20, 1e3 / tokensPerSecond);
  row.operation = "generation";
  row.codec.clear();
  row.shape.clear();
  row.rebuildMs = {};
  row.elementsCompared = row.elementsDifferent = 0;
  row.outputCount = 8192;
  GenerationFigures g;
  g.promptIds = {1, 2, 3};
  g.ids = {5, 6, 7, 8};
  g.text = "an answer <b>";
  g.tokensPerSecond.values = {tokensPerSecond, tokensPerSecond + 10, tokensPerSecond - 10};
  g.timeToFirstTokenMs.values = {5.5, 5.25, 6};
  g.stopReason = "length";
  g.logitsHash = mode == "base" ? "e812fbcd0000" : "941d70990000";
  if (mode != "resident") g.matchesResident = mode != "base";
  g.bytesPerToken = 16'785'920;
  g.expectedPeakBytes = 18 << 20;
  g.placements = {{"static", 40}, {"jit", 34}, {"stream", 0}};
  row.generation = g;
  if (mode == "base") row.problem = "the logits are not those of the resident weights";
  return row;
}

inline BenchmarkRun generatedGenerationRun() {
  BenchmarkRun run = emptyRun();
  run.settings["generate"] = "32";
  run.budget = std::uint64_t{16} << 20;
  run.rows = {generatedGeneration("plan", 700)};
  run.baselines = {generatedGeneration("resident", 760), generatedGeneration("base", 1000)};
  return run;
}

/// Every weight of `layers` layers, in two modes each.
inline BenchmarkRun generatedWholeRun(int layers) {
  BenchmarkRun run = emptyRun();
  run.settings["tensors"] = "*";
  for (int layer = 0; layer < layers; ++layer)
    for (const char* part : {"self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "mlp.down_proj"})
      for (const char* mode : {"static", "jit"})
        run.rows.push_back(generatedRow("model.layers." + std::to_string(layer) + "." + part + ".weight", mode, 1 << 20,
                                        std::string(mode) == "jit" ? 3 << 18 : 1 << 20, 0.5 + layer));
  return run;
}

}  // namespace deltascope::ui
