// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu_ops.h"

namespace deltascope::kernels {

extern const CpuOps kScalarOps;
#if defined(__x86_64__)
extern const CpuOps kScalarFmaOps, kAvx2Ops, kAvx512Ops;
void productRowsAvx512Bf16(const ProductRows& rows, ProductScratch& scratch);

namespace {

const CpuOps& avx512Ops() {
  static const CpuOps ops = [] {
    CpuOps best = kAvx512Ops;
    if (__builtin_cpu_supports("avx512bf16")) best.productRows = productRowsAvx512Bf16;
    return best;
  }();
  return ops;
}

}  // namespace

const CpuOps& cpuOps(Isa isa) {
  if (isa == Isa::Avx512) return avx512Ops();
  if (isa == Isa::Avx2) return kAvx2Ops;
  return __builtin_cpu_supports("fma") ? kScalarFmaOps : kScalarOps;
}
#else
const CpuOps& cpuOps(Isa) { return kScalarOps; }
#endif

}  // namespace deltascope::kernels
