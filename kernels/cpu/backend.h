// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernels/backend.h"

namespace deltascope::kernels {

/// The processor, opened. Its `device` is not looked at.
[[nodiscard]] Outcome<std::shared_ptr<Backend>> openCpu(const BackendOptions& options);

}  // namespace deltascope::kernels
