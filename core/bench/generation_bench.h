// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Generation measured: the model as asked for, and beside it all of it resident, and its base alone. Internal to core/bench.
#include "core/bench/recorder.h"

namespace deltascope {

[[nodiscard]] Result<void> measureGeneration(const BenchmarkRequest& request, const JobContext& job, Recorder& recorder);

}  // namespace deltascope
