// SPDX-License-Identifier: Apache-2.0
// Values, anchors and contexts of weights in blocks.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/backend.h"
#include "kernels/cpu/anchor_inner.h"
#include "kernels/cpu/blocks_unpack.h"

namespace deltascope::kernels {
namespace {

/// A run's scales, minima and steps, an element each, so that one loop goes over all of it.
struct Spread {
  alignas(64) float scale[kRun];
  alignas(64) float minimum[kRun];
};

DELTASCOPE_INLINE void spread(const BlockRun& run, Spread& into) {
  for (std::size_t first = 0, g = 0; first < kRun; first += run.group, ++g) {
    std::fill_n(into.scale + first, run.group, run.scale[g]);
    std::fill_n(into.minimum + first, run.group, run.minimum[g]);
  }
}

template <bool kF16, bool kUneven>
DELTASCOPE_INLINE void runAnchors(const BlockRun& run, const Spread& of, std::uint16_t* anchors, std::uint8_t* contexts) {
  for (std::size_t i = 0; i < kRun; ++i) {
    const float step = std::bit_cast<float>(floatBits(of.scale[i]) & 0x7fffffffu);
    evenAnchor<kF16>(of.scale[i] * static_cast<float>(run.q[i]) - of.minimum[i],
                     kUneven ? step * static_cast<float>(run.gap[i]) : step, anchors[i], contexts[i]);
  }
}

/// Calls `each` with the run, its first element and how many of its elements count.
template <class Each>
DELTASCOPE_INLINE void forRuns(BlockType type, const std::uint8_t* blocks, std::size_t n, Each each) {
  const BlockShape shape = shapeOf(type);
  const std::size_t runBytes = kRun / shape.elements * shape.bytes;
  BlockRun run{};
  Spread of;
  for (std::size_t first = 0; first < n; first += kRun, blocks += runBytes) {
    const std::size_t count = std::min(kRun, n - first);
    unpackRun(type, blocks, count, run);
    spread(run, of);
    each(run, of, first, count);
  }
}

DELTASCOPE_INLINE void valuesLoop(BlockType type, const std::uint8_t* blocks, std::size_t n, float* into) {
  forRuns(type, blocks, n, [&](const BlockRun& run, const Spread& of, std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) into[first + i] = of.scale[i] * static_cast<float>(run.q[i]) - of.minimum[i];
  });
}

template <bool kF16>
DELTASCOPE_INLINE void anchorsLoop(BlockType type, const std::uint8_t* blocks, std::size_t n, std::uint16_t* anchors,
                                   std::uint8_t* contexts) {
  alignas(64) std::uint16_t a[kRun];
  alignas(64) std::uint8_t c[kRun];
  forRuns(type, blocks, n, [&](const BlockRun& run, const Spread& of, std::size_t first, std::size_t count) {
    run.uneven ? runAnchors<kF16, true>(run, of, a, c) : runAnchors<kF16, false>(run, of, a, c);
    std::memcpy(anchors + first, a, count * sizeof *a);
    std::memcpy(contexts + first, c, count);
  });
}

#if DELTASCOPE_X86
DELTASCOPE_AVX512 void valuesAvx512(BlockType t, const std::uint8_t* b, std::size_t n, float* v) { valuesLoop(t, b, n, v); }
DELTASCOPE_AVX2 void valuesAvx2(BlockType t, const std::uint8_t* b, std::size_t n, float* v) { valuesLoop(t, b, n, v); }
DELTASCOPE_AVX512 void anchorsAvx512(BlockType t, bool f16, const std::uint8_t* b, std::size_t n, std::uint16_t* a,
                                     std::uint8_t* c) {
  f16 ? anchorsLoop<true>(t, b, n, a, c) : anchorsLoop<false>(t, b, n, a, c);
}
DELTASCOPE_AVX2 void anchorsAvx2(BlockType t, bool f16, const std::uint8_t* b, std::size_t n, std::uint16_t* a,
                                 std::uint8_t* c) {
  f16 ? anchorsLoop<true>(t, b, n, a, c) : anchorsLoop<false>(t, b, n, a, c);
}
#endif

}  // namespace

void blockValues(BlockType type, const std::uint8_t* blocks, std::size_t n, float* into, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return valuesAvx512(type, blocks, n, into);
  if (isa == Isa::Avx2) return valuesAvx2(type, blocks, n, into);
#else
  (void)isa;
#endif
  valuesLoop(type, blocks, n, into);
}

void blockAnchors(BlockType type, bool f16, const std::uint8_t* blocks, std::size_t n, std::uint16_t* anchors,
                  std::uint8_t* contexts, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return anchorsAvx512(type, f16, blocks, n, anchors, contexts);
  if (isa == Isa::Avx2) return anchorsAvx2(type, f16, blocks, n, anchors, contexts);
#else
  (void)isa;
#endif
  f16 ? anchorsLoop<true>(type, blocks, n, anchors, contexts) : anchorsLoop<false>(type, blocks, n, anchors, contexts);
}

}  // namespace deltascope::kernels
