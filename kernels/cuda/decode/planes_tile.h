// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Chunks of `zstd`, their planes inflated: differences sorted by context over the whole chunk. First every tile counts its
/// contexts, then the counts become places, then every tile fetches its weights from there.
#include "kernels/cuda/decode/chunk.h"
#include "kernels/cuda/decode/order.h"

namespace deltascope::kernels::cuda {

struct PlanesWork {
  Chunk chunk;
  AnchorRule rule;  ///< but for topExponent, which the chunk says
  std::uint32_t contexts = 0;
  std::uint64_t* starts = nullptr;  ///< [contexts, tiles]: counts, then where each tile's weights of each context begin
};
/// What `starts` takes.
[[nodiscard]] constexpr std::uint64_t planesScratch(std::uint64_t contexts, std::uint64_t tiles) {
  return contexts * tiles * sizeof(std::uint64_t);
}

/// Of one warp.
struct PlanesShared {
  RunCounts<kMaxContexts> counts;
};

struct PlanesForm {
  enum Kind : std::uint8_t { Planes, Stored, Damaged } kind = Damaged;
  Fault fault = Fault::None;
  unsigned topExponent = 0;
  Plane low, high;  ///< of the differences
  Plane lower;      ///< the lower halves of FP32 finals
};
DELTASCOPE_TILE PlanesForm readForm(const Chunk& chunk) {
  constexpr std::uint64_t kHeader = 16;
  PlanesForm form;
  form.fault = Fault::ChunkCutOff;
  if (chunk.size < kHeader) return form;
  const std::uint32_t kind = byteAt(chunk.bytes, 0);
  form.topExponent = byteAt(chunk.bytes, 1);
  if (kind == 1) {
    if (chunk.size - kHeader < chunk.base.count * elementBytes(chunk.base.type)) return form;
    form.kind = PlanesForm::Stored;
    form.fault = Fault::None;
    return form;
  }
  form.fault = kind == 0 ? Fault::LowPlane : Fault::UnknownForm;
  if (kind != 0) return form;
  form.low = readPlane(chunk, kHeader, chunk.base.count);
  if (!form.low.sound) return form;
  form.high = readPlane(chunk, form.low.end, chunk.base.count);
  if (!form.high.sound) return form;
  if (chunk.base.type == ElementType::F32) {
    form.lower = readPlane(chunk, form.high.end, 2 * chunk.base.count);
    if (!form.lower.sound) return form;
  }
  form.kind = PlanesForm::Planes;
  form.fault = Fault::None;
  return form;
}

/// Counts of the tile's contexts by lane; `totals` as sumCounts has it.
template <class Totals>
DELTASCOPE_TILE void countContexts(Warp& warp, PlanesShared& shared, const PlanesWork& work, const AnchorRule& rule,
                                   const CodeTables& tables, std::uint32_t tile, Totals&& totals) {
  const Chunk& chunk = work.chunk;
  const std::uint32_t count = elementsOf(chunk, tile);
  const std::uint64_t first = chunk.base.first + static_cast<std::uint64_t>(tile) * kTile;
  clearCounts(warp, shared.counts);
  warp.each([&](unsigned lane) {
    for (std::uint32_t at = lane * kRun; at < (lane + 1) * kRun && at < count; at += kEight) {
      Anchors anchors;
      const unsigned n = eightOf(at, count);
      loadAnchors(rule, chunk.base, tables, first + at, n, anchors);
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < kEight; ++k)
        if (k < n) ++shared.counts.of(anchors.context[k], lane);
    }
  });
  sumCounts(warp, shared.counts, work.contexts, totals);
}

DELTASCOPE_TILE void planesCount(Warp& warp, PlanesShared& shared, const PlanesWork& work, const CodeTables& tables,
                                 std::uint32_t tile) {
  const PlanesForm form = readForm(work.chunk);
  if (form.kind == PlanesForm::Damaged) return warp.fault(form.fault);
  AnchorRule rule = work.rule;
  rule.topExponent = form.topExponent;
  const bool stored = form.kind == PlanesForm::Stored;
  if (stored) return;
  countContexts(warp, shared, work, rule, tables, tile, [&](unsigned c, std::uint32_t number) {
    work.starts[static_cast<std::uint64_t>(c) * work.chunk.tiles + tile] = number;
  });
}

/// A difference as it was before small ones of either sign were made small numbers.
DELTASCOPE_TILE std::uint32_t unfold(bool zigzag, std::uint32_t x) {
  if (zigzag) return (x >> 1 ^ (0 - (x & 1))) & 0xffffu;
  return (x >> 1 | x << 15) & 0xffffu;
}

DELTASCOPE_TILE void planesTile(Warp& warp, PlanesShared& shared, const PlanesWork& work, const CodeTables& tables,
                                std::uint32_t tile) {
  const Chunk& chunk = work.chunk;
  const PlanesForm form = readForm(chunk);
  if (form.kind == PlanesForm::Damaged) return;  // planesCount said so
  const std::uint32_t count = elementsOf(chunk, tile);
  const std::uint64_t offset = static_cast<std::uint64_t>(tile) * kTile;
  if (form.kind == PlanesForm::Stored) {
    warp.each([&](unsigned lane) {
      for (std::uint32_t at = lane * kEight; at < count; at += kStep) {
        std::uint32_t bits[8];
        const unsigned n = eightOf(at, count);
        loadElements(chunk.base.type, chunk.bytes + 16, offset + at, n, bits);
        storeElements(chunk.base.type, chunk.into, offset + at, n, bits);
      }
    });
    return;
  }
  AnchorRule rule = work.rule;
  rule.topExponent = form.topExponent;
  countContexts(warp, shared, work, rule, tables, tile, [](unsigned, std::uint32_t) {});
  const bool zigzag = rule.kind == AnchorKind::Ordered || rule.kind == AnchorKind::Zero;
  warp.each([&](unsigned lane) {
    for (std::uint32_t at = lane * kRun; at < (lane + 1) * kRun && at < count; at += kEight) {
      Anchors anchors;
      const unsigned n = eightOf(at, count);
      loadAnchors(rule, chunk.base, tables, chunk.base.first + offset + at, n, anchors);
      std::uint32_t x[8], half[8];
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < kEight; ++k) {
        x[k] = 0;
        if (k >= n) continue;
        const std::uint32_t c = anchors.context[k];
        std::uint64_t from = work.starts[static_cast<std::uint64_t>(c) * chunk.tiles + tile] + shared.counts.of(c, lane)++;
        from = from < chunk.base.count ? from : chunk.base.count - 1;
        const std::uint32_t low = form.low.bytes ? byteAt(form.low.bytes, from) : 0;
        const std::uint32_t high = form.high.bytes ? byteAt(form.high.bytes, from) : 0;
        x[k] = unfold(zigzag, low | high << 8);
      }
      addAnchors(rule.kind, anchors, x, half);
      storeHalves(chunk, form.lower, anchors, offset + at, n, half);
    }
  });
}

}  // namespace deltascope::kernels::cuda
