// SPDX-License-Identifier: Apache-2.0
// Products of 4-bit weights for processors with AVX-512 that also round to BF16.
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
};

extern const CpuOps kAvx512Ops;
void productRowsAvx512Bf16(const ProductRows& rows, ProductScratch& scratch);

void productRowsAvx512Bf16(const ProductRows& rows, ProductScratch& scratch) {
  Product<Avx512Bf16Lanes> product(rows, scratch, Isa::Avx512);
  if (!product.runAs<FourBitWordRows, ElementType::BF16>()) kAvx512Ops.productRows(rows, scratch);
}

}  // namespace deltascope::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
