// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Synthesis: a checkpoint of random weights in the shape of a known model.
/// A job: a request in, a result out, with a stop token and progress. Memory is bounded by a few chunks a thread, whatever the
/// model's size. Outputs appear under their final name only when complete; inputs are never written to.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/base/result.h"
#include "core/checkpoint/dtype.h"

namespace deltascope {

struct SynthRequest {
  std::string arch = "llama-3.1-8b";
  std::optional<unsigned> layers;
  std::uint64_t seed = 1;
  double std = 0.02;
  DType dtype = DType::BF16;
  std::filesystem::path out;
  bool overwrite = false;
};
struct SynthResult {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
  double seconds = 0;
};
[[nodiscard]] Result<SynthResult> synth(const SynthRequest& request, const JobContext& job);
[[nodiscard]] std::vector<std::string> synthArchitectures();

}  // namespace deltascope
