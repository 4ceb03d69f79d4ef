// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Models made up for tests of the window: every number follows from a tensor's position, so tests can say what to expect.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include "core/inspect/inspect.h"
#include "core/pack/pack.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "core/source/locate.h"
#include "ui/engine.h"

namespace deltascope::ui {

inline TensorStats generatedTensor(const std::string& name, std::vector<std::uint64_t> shape, int salt) {
  TensorStats t;
  t.name = name;
  t.shape = std::move(shape);
  t.elements = 1;
  for (const auto size : t.shape) t.elements *= size;
  t.finalBytes = 2 * t.elements;
  const bool matrix = t.shape.size() == 2;
  t.base = matrix ? BaseKind::Nf4 : BaseKind::None;
  t.codec = matrix ? CodecId::Entropy : CodecId::Raw;
  t.baseBytes = matrix ? t.elements / 2 + t.elements / 16 : 0;
  t.storedBytes = matrix ? static_cast<std::uint64_t>(double(t.elements) * (6.4 + 0.05 * (salt % 13)) / 8) : t.finalBytes;
  t.zeroDeltas = matrix ? t.elements * static_cast<std::uint64_t>(20 + salt % 17) / 1000 : 0;
  t.patches = matrix ? static_cast<std::uint64_t>(salt % 11) : 0;
  t.chunkElements = 4096;
  t.chunkCount = (t.elements + 4095) / 4096;
  t.estimate[static_cast<std::size_t>(CodecId::Entropy)] = matrix ? 6.7f : 0;
  t.estimate[static_cast<std::size_t>(CodecId::Bitpack)] = matrix ? 7.2f : 0;
  t.finalHash = {std::uint64_t(salt) * 77, std::uint64_t(salt)};
  return t;
}

/// A decoder of `layers` layers with seven matrices and two norms each; an embedding in front, a norm behind.
inline std::shared_ptr<Inspection> generatedModel(int layers, ModelFiles::Kind kind = ModelFiles::Kind::PackedModel) {
  auto model = std::make_shared<Inspection>();
  model->files.kind = kind;
  model->files.path = "/models/generated";
  if (kind != ModelFiles::Kind::Checkpoint) model->files.payload = "/models/generated/model.delta.safetensors";
  if (kind == ModelFiles::Kind::PackedModel) model->files.base = model->files.path;
  auto& tensors = model->tensors;
  int salt = 0;
  tensors.push_back(generatedTensor("model.embed_tokens.weight", {8192, 256}, ++salt));
  for (int layer = 0; layer < layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    tensors.push_back(generatedTensor(prefix + "input_layernorm.weight", {256}, ++salt));
    for (const auto& [part, rows, columns] :
         {std::tuple{"mlp.down_proj", 256, 768}, {"mlp.gate_proj", 768, 256}, {"mlp.up_proj", 768, 256}})
      tensors.push_back(generatedTensor(prefix + part + ".weight", {std::uint64_t(rows), std::uint64_t(columns)}, ++salt));
    tensors.push_back(generatedTensor(prefix + "post_attention_layernorm.weight", {256}, ++salt));
    for (const char* part : {"self_attn.k_proj", "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj"})
      tensors.push_back(generatedTensor(prefix + part + ".weight", {256, 256}, ++salt));
  }
  tensors.push_back(generatedTensor("model.norm.weight", {256}, ++salt));
  if (kind == ModelFiles::Kind::Checkpoint)
    for (auto& t : tensors) {
      t.codec = CodecId::Raw;
      t.base = BaseKind::None;
      t.storedBytes = t.finalBytes;
      t.baseBytes = t.zeroDeltas = t.patches = 0;
    }
  auto& totals = model->totals;
  totals.tensors = tensors.size();
  for (const auto& t : tensors) {
    totals.elements += t.elements;
    totals.finalBytes += t.finalBytes;
    totals.baseBytes += t.baseBytes;
    totals.storedBytes += t.storedBytes;
    totals.zeroDeltas += t.zeroDeltas;
  }
  totals.payloadFileBytes = kind == ModelFiles::Kind::Checkpoint ? 0 : totals.storedBytes + 4096;
  return model;
}

inline TensorCloseUp generatedCloseUp(std::uint64_t elements) {
  TensorCloseUp c;
  for (int i = -32; i < 32; ++i) {
    c.histogram.lower.push_back(i * 16);
    c.histogram.counts.push_back(static_cast<std::uint64_t>(20'000 * std::exp(-i * i / 160.0)) + 1);
  }
  c.histogram.binWidth = 16;
  c.histogram.below = 12;
  c.map.rows = 64;
  c.map.columns = 96;
  c.map.rowsPerCell = 4;
  c.map.columnsPerCell = 8;
  for (int row = 0; row < 64; ++row)
    for (int column = 0; column < 96; ++column) {
      const double wave = std::sin(row / 9.0) * std::cos(column / 13.0);
      c.map.meanMagnitude.push_back(static_cast<float>(90 + 40 * wave));
      c.map.zeroShare.push_back(static_cast<float>(0.03 + 0.02 * wave));
    }
  c.map.meanMagnitude[0] = c.map.zeroShare[0] = -1;  // not read
  for (int i = 0; i < 16; ++i) c.chunkBytes.push_back(static_cast<std::uint64_t>(3400 + 90 * ((i * 7) % 5)));
  c.streams = {{"codes", 41'000}, {"lane headers", 2'600}, {"patches", 900}, {"directory", 256}, {"model", 700}};
  c.elementsRead = elements;
  return c;
}

/// An engine that answers from a generated model without touching a file. `pause` keeps a close-up busy until it is cancelled.
struct GeneratedEngine {
  std::shared_ptr<Inspection> model;
  std::atomic<int> closeUps{0}, cancelled{0};
  std::atomic<bool> pause{false};
  Result<TokenizerKind> tokenizer{TokenizerKind{"LlamaTokenizer", false}};
  std::string differing;  ///< the tensor that verify finds different; empty: none

  [[nodiscard]] Engine engine() {
    Engine e;
    e.inspect = [this](const auto&, const auto&) -> Result<Inspection> { return *model; };
    e.closeUp = [this](const auto&, const auto&, const std::string& name, std::uint64_t,
                       const JobContext& job) -> Result<TensorCloseUp> {
      ++closeUps;
      while (pause && !job.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (job.stop.stop_requested()) {
        ++cancelled;
        return fail(ErrorCode::Cancelled, "cancelled");
      }
      for (const auto& t : model->tensors)
        if (t.name == name) return generatedCloseUp(t.elements);
      return fail(ErrorCode::NotFound, "no such tensor");
    };
    e.tokenizer = [this](const auto&, const auto&) -> Result<TokenizerKind> { return tokenizer; };
    e.verify = [this](const VerifyRequest& request, const JobContext&) -> Result<VerifyResult> {
      VerifyResult r;
      r.bitExact = differing.empty();
      for (const auto& t : model->tensors) {
        Verdict v;
        v.tensor = t.name;
        v.elements = t.elements;
        v.bitExact = t.name != differing;
        if (!v.bitExact) {
          v.different = 3;
          v.firstDifference = 17;
          r.elementsDifferent += 3;
          r.firstDifference = {t.name, 17};
        }
        r.elementsCompared += t.elements;
        ++r.tensors;
        if (request.onTensor) request.onTensor(v);
        r.verdicts.push_back(v);
      }
      return r;
    };
    e.pack = [](const auto&, const auto&) -> Result<PackResult> { return fail(ErrorCode::Unsupported, "not in this test"); };
    e.estimatePack = [](const auto&, const auto&) -> Result<PackEstimate> {
      return fail(ErrorCode::Unsupported, "not in this test");
    };
    e.unpack = [](const auto&, const auto&) -> Result<UnpackResult> {
      return fail(ErrorCode::Unsupported, "not in this test");
    };
    e.benchmark = [](const auto&, const auto&, const auto&) -> Result<BenchmarkRun> {
      return fail(ErrorCode::Unsupported, "not in this test");
    };
    e.devices = [] {
      return std::vector<kernels::DeviceInfo>{{"cpu", "Test processor", true, {}, "scalar", 2, std::uint64_t{1} << 30, 0}};
    };
    e.residentMemory = [] { return ResidentMemory{}; };
    return e;
  }
};

/// The first differing element is 17.
inline Verdict verdictOf(const TensorStats& t, std::uint64_t different) {
  Verdict v;
  v.tensor = t.name;
  v.elements = t.elements;
  v.bitExact = different == 0;
  v.different = different;
  if (different) v.firstDifference = 17;
  return v;
}

}  // namespace deltascope::ui
