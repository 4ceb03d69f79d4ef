// SPDX-License-Identifier: Apache-2.0
// Putting values that were sorted by context back in order.
#include "kernels/backend.h"
#include "kernels/cpu/target.h"
#include "kernels/residual.h"

#if DELTASCOPE_X86
#include <immintrin.h>
#endif

namespace deltascope::kernels {
namespace {

void gatherScalar(const std::uint8_t* contexts, const std::uint16_t* sorted, std::size_t* next, std::uint16_t* x,
                  std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = sorted[next[contexts[i]]++];
}

#if DELTASCOPE_X86
/// Sixty-four weights at a time, one context after the other: the run's next values are expanded to where the context occurs.
DELTASCOPE_AVX512 void gatherAvx512(const std::uint8_t* contexts, const std::uint16_t* sorted, std::size_t* next,
                                    std::size_t used, std::uint16_t* x, std::size_t n) {
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i context = _mm512_loadu_si512(contexts + i);
    __m512i low = _mm512_setzero_si512(), high = low;
    for (std::size_t c = 0; c < used; ++c) {
      const std::uint64_t where = _mm512_cmpeq_epi8_mask(context, _mm512_set1_epi8(static_cast<char>(c)));
      const auto first = static_cast<std::uint32_t>(where), second = static_cast<std::uint32_t>(where >> 32);
      const std::uint16_t* run = sorted + next[c];
      low = _mm512_mask_expand_epi16(low, first, _mm512_loadu_si512(run));
      run += static_cast<std::size_t>(__builtin_popcount(first));
      high = _mm512_mask_expand_epi16(high, second, _mm512_loadu_si512(run));
      next[c] += static_cast<std::size_t>(__builtin_popcountll(where));
    }
    _mm512_storeu_si512(x + i, low);
    _mm512_storeu_si512(x + i + 32, high);
  }
  gatherScalar(contexts + i, sorted, next, x + i, n - i);
}
#endif

}  // namespace

void gatherRuns(const std::uint8_t* contexts, const std::uint16_t* sorted, std::size_t* next, std::size_t used,
                std::uint16_t* x, std::size_t n, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return gatherAvx512(contexts, sorted, next, used, x, n);
#else
  (void)isa;
#endif
  gatherScalar(contexts, sorted, next, x, n);
}

}  // namespace deltascope::kernels
