// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Function attributes for code that runs only where the instruction set was found at run time.
#if defined(__x86_64__)
#define DELTASCOPE_X86 1
#define DELTASCOPE_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,f16c")))
#define DELTASCOPE_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt,f16c")))
#else
#define DELTASCOPE_X86 0
#endif
#define DELTASCOPE_INLINE inline __attribute__((always_inline))
