// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace deltascope::kernels {

#if defined(__x86_64__)
namespace {

// By hand: clang 14 has no name for it in __builtin_cpu_supports.
bool hasF16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

}  // namespace
#endif

const char* nameOf(Isa isa) {
  switch (isa) {
    case Isa::Avx512:
      return "AVX-512";
    case Isa::Avx2:
      return "AVX2";
    case Isa::Scalar:
      break;
  }
  return "scalar";
}

std::vector<Isa> supportedIsas() {
  std::vector<Isa> isas{Isa::Scalar};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && hasF16c()) isas.push_back(Isa::Avx2);
  if (isas.back() == Isa::Avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") &&
      __builtin_cpu_supports("avx512vbmi2"))
    isas.push_back(Isa::Avx512);
#endif
  return isas;
}

Isa bestIsa() {
  static const Isa best = supportedIsas().back();
  return best;
}

}  // namespace deltascope::kernels
