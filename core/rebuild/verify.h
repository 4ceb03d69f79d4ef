// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Verifying: every tensor is rebuilt and its bits compared.
/// A job: a request in, a result out, with a stop token and progress. Memory is bounded by a few chunks a thread, whatever the
/// model's size. Outputs appear under their final name only when complete; inputs are never written to.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/base/result.h"
#include "core/payload/scripts_payload.h"

namespace deltascope {

struct Verdict {
  std::string tensor;
  bool bitExact = false;
  std::uint64_t elements = 0, different = 0;
  std::optional<std::uint64_t> firstDifference;  ///< element index; only with a final to compare with
  std::string problem;                           ///< why not, in words; empty when exact
};
/// "bit-exact: 4,194,304 of 4,194,304" or "3 differ, first at 17".
[[nodiscard]] std::string verdictText(const Verdict& verdict);

struct VerifyRequest {
  std::filesystem::path path, base, final;       ///< base and final may be empty
  std::string device = "cpu";                    ///< that decodes; reading and hashing are the processor's
  std::function<void(const Verdict&)> onTensor;  ///< called from the job's thread as each tensor finishes
};
struct VerifyResult {
  bool bitExact = false;
  std::uint64_t tensors = 0, elementsCompared = 0, elementsDifferent = 0;
  std::optional<std::pair<std::string, std::uint64_t>> firstDifference;
  std::vector<Verdict> verdicts;
  std::vector<Finding> findings;  ///< of the scripts' payloads alone: what is wrong with them, whether it shows or not
  double seconds = 0;
};
/// A payload of the scripts needs a final: its verdicts are of base + delta in FP32, rounded once. A tensor that fails does not
/// stop the others. Errors are for what cannot be opened, and for a base that is another model's.
[[nodiscard]] Result<VerifyResult> verify(const VerifyRequest& request, const JobContext& job);

}  // namespace deltascope
