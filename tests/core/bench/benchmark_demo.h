// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The demo's chat model packed with any codec, and requests to measure it.
#include <QTemporaryDir>

#include "core/bench/bench.h"
#include "core/pack/pack.h"
#include "tests/core/models/small_model.h"

namespace deltascope::test {

inline const std::filesystem::path kDemo = DELTASCOPE_DEMO;
inline constexpr const char* kQuery = "model.layers.0.self_attn.q_proj.weight";
inline constexpr const char* kEmbedding = "model.embed_tokens.weight";

inline const BenchmarkRow* find(const std::vector<BenchmarkRow>& rows, const std::string& tensor, const std::string& mode) {
  for (const auto& row : rows)
    if (row.tensor == tensor && row.mode == mode) return &row;
  return nullptr;
}

inline const BenchmarkSkip* skipOf(const BenchmarkRun& run, const std::string& mode) {
  for (const auto& skip : run.skipped)
    if (skip.mode == mode) return &skip;
  return nullptr;
}

class BenchmarkDemo : public QObject {
 protected:
  QTemporaryDir m_scratch;
  [[nodiscard]] std::filesystem::path scratch(const std::string& name) const {
    return std::filesystem::path(m_scratch.path().toStdString()) / name;
  }

  std::filesystem::path packed(const std::string& codec = "auto") {
    const std::filesystem::path path = scratch("packed-" + codec);
    if (std::filesystem::exists(path)) return path;
    PackRequest request;
    request.final = kDemo / "chat";
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    request.codec = codecFromName(codec);
    request.out = path;
    take(pack(request, {}));
    return path;
  }
  BenchmarkRequest request(const std::string& tensors = kQuery) {
    BenchmarkRequest request;
    request.model.path = packed();
    request.model.threads = 2;
    request.tensors = tensors;
    request.repeat = 3;
    request.warmup = 1;
    return request;
  }
};

}  // namespace deltascope::test
