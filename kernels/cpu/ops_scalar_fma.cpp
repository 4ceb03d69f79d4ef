// SPDX-License-Identifier: Apache-2.0
// The plain form again, for processors that have its fused multiply-add as an instruction.
#include "kernels/cpu/ops_headers.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("fma")
#endif

#include "kernels/cpu/ops_table.h"

namespace deltascope::kernels {

extern const CpuOps kScalarFmaOps;
const CpuOps kScalarFmaOps = OpsTable<ScalarLanes<1>, Isa::Scalar>::kOps;

}  // namespace deltascope::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
