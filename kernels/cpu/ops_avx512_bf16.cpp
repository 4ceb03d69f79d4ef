// SPDX-License-Identifier: Apache-2.0
// AVX-512 again, for processors that also round to BF16.
#include "kernels/cpu/ops_headers.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(                                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512bf16,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512bf16,avx2,fma,f16c")
#endif

#include "kernels/cpu/ops_table.h"
#include "kernels/cpu/rows_avx512.h"

namespace deltascope::kernels {

struct Avx512Bf16Lanes : Avx512Lanes {
  /// Sixteen BF16, twice. Denormals count as zero.
  static __m512i roundTwice(Vec x) { return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x, x)); }
  template <class P>
  static bool runLookedUp(P& product) {
    return Avx512Lanes::runLookedUp(product) || product.template runAs<FourBitWordRows, ElementType::BF16>();
  }
};

extern const CpuOps kAvx512Bf16Ops;
const CpuOps kAvx512Bf16Ops = OpsTable<Avx512Bf16Lanes, Isa::Avx512>::kOps;

}  // namespace deltascope::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
