// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Unpacking: the final is written again.
/// A job: a request in, a result out, with a stop token and progress. Memory is bounded by a few chunks a thread, whatever the
/// model's size. Outputs appear under their final name only when complete; inputs are never written to.
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/base/result.h"
#include "core/checkpoint/companions.h"

namespace deltascope {

struct UnpackRequest {
  std::filesystem::path path, base, out;
  bool overwrite = false;
  bool verify = false;  ///< read everything again before it is done
};
struct UnpackResult {
  std::uint64_t tensors = 0, bytes = 0;
  double seconds = 0;
  std::uint64_t companions = 0, companionBytes = 0;  ///< files beside the weights; none when one file is written
  std::vector<std::string> ofBase;                   ///< those of them that are the base's, since the payload carries none
  std::vector<LeftOut> leftOut;                      ///< what the final had beside its weights and is not here
  std::string leftOutByPack;                         ///< in pack's words, as the payload tells them
  bool verified = false;
};
/// Writes the final's folder again: its tensors and what lies beside them. Ends by opening what it wrote.
[[nodiscard]] Result<UnpackResult> unpack(const UnpackRequest& request, const JobContext& job);

}  // namespace deltascope
