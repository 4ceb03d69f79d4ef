// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernels/backend.h"

namespace deltascope::kernels {

/// The processor as a device: name, threads this process may use, memory within its control groups.
[[nodiscard]] DeviceInfo processor();

struct ProcessorMemory {
  std::uint64_t total = 0, available = 0;
};
/// The machine's memory now, within the limits of the control groups this process is in (cgroup v2, then v1).
[[nodiscard]] ProcessorMemory processorMemory();

/// What this process has resident now (VmRSS); 0 where /proc cannot be read.
[[nodiscard]] std::uint64_t residentBytes();

}  // namespace deltascope::kernels
