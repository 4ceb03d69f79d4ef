// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/ops_table.h"

namespace deltascope::kernels {

extern const CpuOps kScalarOps;
const CpuOps kScalarOps = OpsTable<ScalarLanes<0>, Isa::Scalar>::kOps;

}  // namespace deltascope::kernels
