// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Packing small models and looking at what came of it.
#include <QTemporaryDir>

#include "core/payload/payload.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "tests/core/models/small_model.h"

namespace deltascope::test {

/// A folder for one test.
class Workspace {
 public:
  [[nodiscard]] fs::path at(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }
  [[nodiscard]] std::vector<std::string> files() const { return filesIn(m_folder.path().toStdString()); }

 private:
  QTemporaryDir m_folder;
};

/// smallLlama and a matrix of several chunks whose rows fill no block.
inline std::vector<TensorData> llamaWithAMatrix(DType dtype, unsigned seed = 1) {
  auto tensors = smallLlama(dtype, seed);
  tensors.push_back(randomTensor("model.layers.1.mlp.gate_proj.weight", dtype, {301, 699}, seed + 5));
  return tensors;
}

inline JobContext withThreads(unsigned threads) {
  JobContext job;
  job.threads = threads;
  return job;
}

/// Empty when `packed` is bit-exact and unpacks to what `final` holds; else what is wrong.
inline QString roundTripProblem(const Workspace& space, const fs::path& packed, const fs::path& base, const fs::path& final) {
  const auto verdict = verify({.path = packed, .base = base, .final = final, .device = "cpu", .onTensor = {}}, {});
  if (!verdict) return QString::fromStdString(describe(verdict.error()));
  if (!verdict->bitExact) return "verify says that it is not bit-exact";
  const auto out = space.at("unpacked");
  fs::remove_all(out);
  const auto unpacked = unpack({.path = packed, .base = base, .out = out, .overwrite = false}, {});
  if (!unpacked) return QString::fromStdString(describe(unpacked.error()));
  return difference(final, out);
}

inline const TensorStats& rowOf(const Payload& payload, const std::string& name) {
  const auto* row = payload.find(name);
  if (!row) qFatal("no tensor %s", name.c_str());
  return *row;
}

}  // namespace deltascope::test
