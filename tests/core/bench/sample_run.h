// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Runs without a machine: rows with given figures.
#include "core/bench/bench.h"

namespace deltascope::test {

inline BenchmarkRow sampleRow(const std::string& tensor, const std::string& mode, double used = 2, double spread = 0.1) {
  BenchmarkRow row;
  row.tensor = tensor;
  row.mode = mode;
  row.device = "cpu";
  row.codec = "entropy";
  row.operation = "product";
  row.shape = {64, 32};
  row.layerBytes = 4096;
  row.storedBytes = 2900;
  row.residentBytes = 3000;
  row.residentMs.values = {1, 1 - spread / 4, 1 + spread / 4, 1 + spread / 2, 1 - spread / 2};
  row.usedMs.values = {used, used - spread, used + spread, used + 2 * spread, used - 2 * spread};
  row.rebuildMs.values = {0.5, 0.5, 0.5};
  row.copyShare = 0.25;
  row.peakMemoryBytes = 9000;
  row.bitExact = true;
  row.elementsCompared = 2048;
  row.outputNorm = 3.5;
  row.outputCount = 64;
  row.outputHash = "00112233445566778899aabbccddeeff";
  return row;
}

inline BenchmarkRow sampleGeneration() {
  BenchmarkRow row = sampleRow("(generation)", "plan");
  row.operation = "generation";
  GenerationFigures g;
  g.promptIds = {1, 2, 3};
  g.ids = {4, 5};
  g.text = "“so”, he said,\nand so on";
  g.tokensPerSecond.values = {100, 101, 99};
  g.timeToFirstTokenMs.values = {7, 8, 9};
  g.stopReason = "length";
  g.logitsHash = "ffeeddccbbaa99887766554433221100";
  g.matchesResident = true;
  g.bytesPerToken = 12345;
  g.expectedPeakBytes = 99999;
  g.placements = {{"jit", 3}, {"static", 4}, {"stream", 0}};
  g.drafts.emplace();
  g.drafts->source = "base";
  g.drafts->tokens = 4;
  g.drafts->drafted = 90;
  g.drafts->accepted = 60;
  g.drafts->rejected = 15;
  g.drafts->exactPasses = 30;
  g.drafts->draftMs.values = {20, 21, 22};
  g.drafts->verifyMs.values = {80, 81, 82};
  row.generation = g;
  return row;
}

inline BenchmarkRun sampleRun() {
  BenchmarkRun run;
  run.name = "Monday";
  run.created = "2026-01-02T03:04:05Z";
  run.state = BenchmarkState::Complete;
  run.seconds = 1.5;
  run.path = "models/chat";
  run.base = "models/base";
  run.payloads = {"a.delta.safetensors"};
  run.modelFingerprint = "0123";
  run.machine = {"a processor", "Linux", 2, 1u << 30};
  run.device = {"cpu", "a processor", "AVX2", 1u << 30};
  run.version = "0.1.0";
  run.commit = "unknown";
  run.settings = {{"repeat", "5"}, {"threads", "2"}, {"batch", "1"}};
  run.seed = 1;
  run.budget = 5000;
  run.copyBytesPerSecond = 2.5e10;
  run.rows = {sampleRow("model.layers.0.mlp.up_proj.weight", "jit"), sampleGeneration()};
  run.baselines = {sampleRow("model.layers.0.mlp.up_proj.weight", "additive", 40)};
  run.skipped = {{"model.embed_tokens.weight", "static", "no room, it seems"}};
  run.memory = {{0.1, 100, 200, 300, 1000}, {0.2, 110, 210, 310, 1000}};
  run.memorySource = "/proc";
  return run;
}

}  // namespace deltascope::test
