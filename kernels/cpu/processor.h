// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernels/backend.h"

namespace deltascope::kernels {

/// The processor as a device: name, threads this process may use, memory within its control groups.
[[nodiscard]] DeviceInfo processor();

}  // namespace deltascope::kernels
