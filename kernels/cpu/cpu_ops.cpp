// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu_ops.h"

namespace deltascope::kernels {

extern const CpuOps kScalarOps;

const CpuOps& cpuOps(Isa) { return kScalarOps; }

}  // namespace deltascope::kernels
