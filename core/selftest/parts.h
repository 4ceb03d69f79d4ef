// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of selfTest. Internal to core/runtime.
#include <memory>

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

/// A short run of testForks on the small model.
[[nodiscard]] Result<void> testDrafts(const std::string& device, const JobContext& job, Checks& checks);

/// Gaussian weights of spread 0.02, the same for a seed on every machine.
[[nodiscard]] std::vector<float> gaussian(std::size_t count, std::uint64_t seed);

}  // namespace deltascope::selftest
