// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/ops_headers.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#include "kernels/cpu/lanes_avx2.h"
#include "kernels/cpu/ops_table.h"

namespace deltascope::kernels {

extern const CpuOps kAvx2Ops;
const CpuOps kAvx2Ops = OpsTable<Avx2Lanes, Isa::Avx2>::kOps;

}  // namespace deltascope::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
