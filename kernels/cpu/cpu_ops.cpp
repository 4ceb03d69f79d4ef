// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu_ops.h"

namespace deltascope::kernels {

extern const CpuOps kScalarOps;
#if defined(__x86_64__)
extern const CpuOps kScalarFmaOps, kAvx2Ops, kAvx512Ops, kAvx512Bf16Ops;

const CpuOps& cpuOps(Isa isa) {
  if (isa == Isa::Avx512) return __builtin_cpu_supports("avx512bf16") ? kAvx512Bf16Ops : kAvx512Ops;
  if (isa == Isa::Avx2) return kAvx2Ops;
  return __builtin_cpu_supports("fma") ? kScalarFmaOps : kScalarOps;
}
#else
const CpuOps& cpuOps(Isa) { return kScalarOps; }
#endif

}  // namespace deltascope::kernels
