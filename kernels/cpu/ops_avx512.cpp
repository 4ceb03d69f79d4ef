// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/ops_headers.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,fma,f16c")
#endif

#include "kernels/cpu/ops_table.h"
#include "kernels/cpu/rows_avx512.h"

namespace deltascope::kernels {

extern const CpuOps kAvx512Ops;
const CpuOps kAvx512Ops = OpsTable<Avx512Lanes, Isa::Avx512>::kOps;

}  // namespace deltascope::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
