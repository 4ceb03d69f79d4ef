// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The proof that a device computes what it should, without a model and without a build tree: data made on the spot.
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/base/result.h"

namespace deltascope {

struct SelfTestRequest {
  std::string device = "cpu";
};

struct SelfTestCheck {
  std::string name;  ///< "entropy over nf4, BF16"
  bool passed = false;
  std::string detail;  ///< "bit-exact: 139,264 of 139,264", or what is wrong
};

struct SelfTestResult {
  std::vector<SelfTestCheck> checks;
  double seconds = 0;
  [[nodiscard]] bool passed() const;
};

/// Every codec over every base and type, random weights and all 16-bit patterns, on the processor and on the device, where
/// damaged chunks must do no harm either; products of every form of weight against FP64, and of several tokens against the bits
/// of one at a time; a small model packed, verified and run in every placement, with prompts in pieces and with drafts
/// too; the same, but for the verifying, of every family that asks more of a device than these. Writes a few MiB to
/// the temporary folder and removes them. An error only where nothing could be tested: no such device, no room for the files.
[[nodiscard]] Result<SelfTestResult> selfTest(const SelfTestRequest& request, const JobContext& job);

}  // namespace deltascope
