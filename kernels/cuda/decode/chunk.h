// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the decoders of all codes share: a chunk to be rebuilt, and its elements before anything is added to the base.
#include "kernels/cuda/decode/base.h"

namespace deltascope::kernels::cuda {

/// One chunk, as kernels take it.
struct Chunk {
  DeviceBase base;
  const std::byte* bytes = nullptr;  ///< aligned to 16
  std::uint64_t size = 0;
  std::byte* into = nullptr;  ///< base.count elements of base.type, aligned to 16
  std::uint32_t tiles = 0;    ///< of kTile elements; the last may be short
  std::uint32_t number = 0;
};

DELTASCOPE_TILE std::uint32_t elementsOf(const Chunk& chunk, std::uint32_t tile) {
  const std::uint64_t left = chunk.base.count - static_cast<std::uint64_t>(tile) * kTile;
  return left < kTile ? static_cast<std::uint32_t>(left) : static_cast<std::uint32_t>(kTile);
}
/// How many of eight weights from `at` on a tile of `count` has.
DELTASCOPE_TILE unsigned eightOf(std::uint32_t at, std::uint32_t count) {
  return at >= count ? 0 : count - at < kEight ? count - at : kEight;
}

/// The base's values as they are, a tile of them.
DELTASCOPE_TILE void copyValues(Warp& warp, const Chunk& chunk, const CodeTables& tables, std::uint32_t tile) {
  const std::uint32_t count = elementsOf(chunk, tile);
  const std::uint64_t offset = static_cast<std::uint64_t>(tile) * kTile;
  warp.each([&](unsigned lane) {
    for (std::uint32_t at = lane * kEight; at < count; at += kStep) {
      std::uint32_t bits[8];
      const unsigned n = eightOf(at, count);
      loadValues(chunk.base, tables, chunk.base.first + offset + at, n, bits);
      storeElements(chunk.base.type, chunk.into, offset + at, n, bits);
    }
  });
}

/// Adds x, a difference of ordered integers, to an element that is there.
DELTASCOPE_TILE void addOrdered(const Chunk& chunk, std::uint64_t i, std::uint32_t x) {
  const ElementType type = chunk.base.type;
  storeElement(type, chunk.into, i, fromOrdered(type, toOrdered(type, loadElement(type, chunk.into, i)) + x));
}

/// A byte plane that was inflated: where its bytes lie, or that they are all zero.
struct Plane {
  const std::byte* bytes = nullptr;  ///< null: all zero
  std::uint64_t end = 0;             ///< of the plane in the chunk, padding included
  bool sound = false;
};
DELTASCOPE_TILE Plane readPlane(const Chunk& chunk, std::uint64_t at, std::uint64_t planeBytes) {
  constexpr std::uint64_t kHeader = 16;
  Plane plane;
  if (at > chunk.size || chunk.size - at < kHeader) return plane;
  const auto mode = loadAligned<std::uint32_t>(chunk.bytes + at);
  const auto stored = loadAligned<std::uint64_t>(chunk.bytes + at + 8);
  const std::uint64_t left = chunk.size - at - kHeader;
  if (mode == 0 && stored == 0) {
    plane.end = at + kHeader;
    plane.sound = true;
  } else if (mode == 1 && stored == planeBytes && stored <= left) {
    plane.bytes = chunk.bytes + at + kHeader;
    const std::uint64_t padded = (stored + 15) / 16 * 16;
    plane.end = at + kHeader + (padded < left ? padded : left);
    plane.sound = true;
  }
  return plane;
}

/// The lower halves of elements [i, i + n) of the chunk: a plane of low bytes, then one of high bytes.
DELTASCOPE_TILE void loadLow(const Plane& plane, std::uint64_t count, std::uint64_t i, unsigned n, std::uint32_t (&low)[8]) {
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k)
    low[k] = plane.bytes && k < n ? byteAt(plane.bytes, i + k) | byteAt(plane.bytes, count + i + k) << 8 : 0;
}

/// Finals from their coded halves: stores n elements from `i` of the chunk.
DELTASCOPE_TILE void storeHalves(const Chunk& chunk, const Plane& low, const Anchors& anchors, std::uint64_t i, unsigned n,
                                 const std::uint32_t (&half)[8]) {
  if (chunk.base.type != ElementType::F32) return storeElements(chunk.base.type, chunk.into, i, n, half);
  std::uint32_t lower[8], bits[8];
  loadLow(low, chunk.base.count, i, n, lower);
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) bits[k] = joinHalves(chunk.base.kind, half[k], lower[k], anchors.parent[k]);
  storeElements(ElementType::F32, chunk.into, i, n, bits);
}

}  // namespace deltascope::kernels::cuda
