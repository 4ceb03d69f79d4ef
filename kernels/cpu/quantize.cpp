// SPDX-License-Identifier: Apache-2.0
#include "kernels/quantize.h"

#include "kernels/cpu/quantize_scalar.h"

namespace deltascope::kernels {

const QuantizeOps& quantizeOps(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::Avx512) return kAvx512QuantizeOps;
  if (isa == Isa::Avx2) return kAvx2QuantizeOps;
#else
  (void)isa;
#endif
  return kScalarQuantizeOps;
}

}  // namespace deltascope::kernels
