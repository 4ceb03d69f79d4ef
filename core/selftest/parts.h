// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of selfTest. Internal to core/runtime.
#include <memory>

#include "core/runtime/runtime.h"
#include "core/selftest/selftest.h"
#include "kernels/backend.h"

namespace deltascope::selftest {

using Checks = std::vector<SelfTestCheck>;

/// On the processor, and where `backend` is another device on that one as well, with damaged chunks too.
[[nodiscard]] Result<void> testCodecs(const std::shared_ptr<kernels::Backend>& backend, const std::stop_token& stop,
                                      Checks& checks);
[[nodiscard]] Result<void> testProducts(kernels::Backend& backend, const std::stop_token& stop, Checks& checks);
/// Whether bits depend on the number of tokens that are done together: of products, and of prompts in every placement.
[[nodiscard]] Result<void> testPasses(kernels::Backend& backend, const std::stop_token& stop, Checks& checks);
[[nodiscard]] Result<void> testPrompts(const std::string& device, const JobContext& job, Checks& checks);
[[nodiscard]] Result<void> testModel(const std::string& device, const JobContext& job, Checks& checks);
/// Of each family a small model, with what only it asks of a device.
[[nodiscard]] Result<void> testFamilies(const std::string& device, const JobContext& job, Checks& checks);

/// A model, and what was packed of it, run on a device: against the processor, and in every placement.
struct ModelRuns {
  std::string name;  ///< before each check's
  std::filesystem::path plain, packed;
  std::string device;
};
[[nodiscard]] Result<void> testRuns(const ModelRuns& runs, const JobContext& job, Checks& checks);

/// A way of keeping the weights.
struct Way {
  std::string name;
  LoadRequest request;
};
/// A prompt of `tokens` tokens of 611, at most 150, read whole and in pieces: the bits of the logits.
[[nodiscard]] Result<SelfTestCheck> testPrompt(const Way& way, std::uint32_t tokens, const JobContext& job);

/// A model that these devices share, the first two of them, three … all, in every placement, within budgets, with drafts: one
/// hash of the logits.
[[nodiscard]] Result<void> testSplit(const std::vector<std::string>& devices, const JobContext& job, Checks& checks);

/// A short run of testForks on the small model.
[[nodiscard]] Result<void> testDrafts(const std::string& device, const JobContext& job, Checks& checks);

/// Gaussian weights of spread 0.02, the same for a seed on every machine.
[[nodiscard]] std::vector<float> gaussian(std::size_t count, std::uint64_t seed);

}  // namespace deltascope::selftest
