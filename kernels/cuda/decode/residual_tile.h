// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tiles of `entropy` and `bitpack` over any base, to finals of any type: one warp each.
#include "kernels/cuda/decode/chunk.h"

namespace deltascope::kernels::cuda {

struct ResidualWork {
  Chunk chunk;
  AnchorRule rule;
  bool prefix = false;
  unsigned prefixBits = 0;               ///< prefix
  const std::uint32_t* table = nullptr;  ///< prefix: PrefixTable::entries; else kMaxContexts packed fields
};

/// A context's field: x = field + (field & sign ? add : 0) + offset.
[[nodiscard]] constexpr std::uint32_t packField(unsigned width, bool isSigned, std::uint16_t offset) {
  return width | static_cast<std::uint32_t>(isSigned) << 5 | static_cast<std::uint32_t>(offset) << 16;
}
DELTASCOPE_TILE std::uint32_t fieldWidth(std::uint32_t packed) { return packed & 31; }
DELTASCOPE_TILE std::uint32_t fieldValue(std::uint32_t packed, std::uint32_t field) {
  const std::uint32_t sign = (packed >> 5 & 1) << (fieldWidth(packed) - 1);
  return (field + (field & sign ? 0x8000u - sign : 0) + (packed >> 16)) & 0xffffu;
}

/// Of one warp.
struct ResidualShared {
  std::uint32_t words[kStagingWords];
};

/// The 32 bits from bit `at` on. Only damaged tiles reach the bound.
DELTASCOPE_TILE std::uint32_t windowAt(const ResidualShared& shared, std::uint32_t at) {
  constexpr auto kLast = static_cast<std::uint32_t>(kStagingWords - 2);
  const std::uint32_t word = at >> 5 < kLast ? at >> 5 : kLast;
  const std::uint64_t two = static_cast<std::uint64_t>(shared.words[word]) << 32 | shared.words[word + 1];
  return static_cast<std::uint32_t>(two << (at & 31) >> 32);
}

/// Eight codewords of a lane.
DELTASCOPE_TILE void takePrefixes(const ResidualWork& work, const ResidualShared& shared, const Anchors& anchors,
                                  std::uint32_t& at, std::uint32_t (&x)[8]) {
  const unsigned bits = work.prefixBits, top = 32 - bits;
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; k += 2) {
    const std::uint32_t w = windowAt(shared, at);
    const std::uint32_t e0 = work.table[anchors.context[k] << bits | w >> top];
    const std::uint32_t shift0 = e0 & 31, length0 = 32 - shift0;
    x[k] = ((w >> shift0) + (e0 >> 16)) & 0xffffu;
    const std::uint32_t w1 = w << (length0 & 31);
    const std::uint32_t e1 = work.table[anchors.context[k + 1] << bits | w1 >> top];
    const std::uint32_t shift1 = e1 & 31;
    x[k + 1] = ((w1 >> shift1) + (e1 >> 16)) & 0xffffu;
    at += length0 + (32 - shift1);
  }
}

/// Where a tile's parts lie, in bytes from its start.
struct TileParts {
  std::uint32_t begin = 0, end = 0;  ///< of the coded bits
  std::uint32_t patches = 0;
};

/// Reads a tile's header; `start` becomes each lane's first bit (prefix).
DELTASCOPE_TILE Fault readTile(Warp& warp, const ResidualWork& work, const std::byte* tile, std::uint32_t size,
                               Warp::Lanes<std::uint32_t>& start, TileParts& parts) {
  const auto head = loadAligned<std::uint32_t>(tile);
  if (work.prefix) {
    parts.begin = 36;
    if (size < parts.begin) return Fault::LanesPastTile;
    warp.each([&](unsigned lane) { start[lane] = (head & 0xfffu) + (byteAt(tile, 4 + lane) << (head >> 12 & 15)); });
    const std::uint32_t bits = warp.sumBefore(start);
    parts.end = parts.begin + (bits + 31) / 32 * 4;
  } else {
    parts.begin = 4;
    parts.end = parts.begin + (head & 0xffffu) * 4;
  }
  if (parts.end > size) return Fault::LanesPastTile;
  parts.patches = head >> 16;
  return parts.patches > (size - parts.end) / 4 ? Fault::PatchesPastTile : Fault::None;
}

/// The tile's coded bits into shared memory.
DELTASCOPE_TILE void stage(Warp& warp, ResidualShared& shared, const std::byte* from, std::uint32_t bytes) {
  warp.each([&](unsigned lane) {
    for (std::uint32_t word = lane; word < bytes / 4 && word < kStagingWords; word += kWarp)
      shared.words[word] = loadAligned<std::uint32_t>(from + 4 * word);
  });
}

/// A tile whose halves are stored as they are.
DELTASCOPE_TILE void storeRaw(Warp& warp, const ResidualWork& work, const CodeTables& tables, const Plane& low,
                              const std::byte* tile, std::uint64_t offset, std::uint32_t count) {
  warp.each([&](unsigned lane) {
    for (std::uint32_t at = lane * kEight; at < count; at += kStep) {
      const unsigned n = eightOf(at, count);
      std::uint32_t half[8];
      loadElements(ElementType::BF16, tile, at, n, half);
      Anchors anchors{};
      if (work.chunk.base.type == ElementType::F32 && work.chunk.base.kind == DeviceBase::Kind::Same)
        loadAnchors(work.rule, work.chunk.base, tables, work.chunk.base.first + offset + at, n, anchors);
      storeHalves(work.chunk, low, anchors, offset + at, n, half);
    }
  });
}

/// Exceptions: weight within the tile << 16 | its half.
DELTASCOPE_TILE void patch(Warp& warp, const ResidualWork& work, const Plane& low, const std::byte* patches,
                           std::uint32_t number, std::uint64_t offset, std::uint32_t count) {
  const Chunk& chunk = work.chunk;
  Warp::Lanes<bool> outside;
  warp.each([&](unsigned lane) {
    for (std::uint32_t p = lane; p < number; p += kWarp) {
      const auto word = loadAligned<std::uint32_t>(patches + 4 * p);
      if (word >> 16 >= count) {
        outside[lane] = true;
        continue;
      }
      const std::uint64_t i = offset + (word >> 16);
      if (chunk.base.type != ElementType::F32) {
        storeElement(chunk.base.type, chunk.into, i, word & 0xffffu);
        continue;
      }
      std::uint32_t lower[8];
      loadLow(low, chunk.base.count, i, 1, lower);
      const std::uint32_t parent =
          chunk.base.kind == DeviceBase::Kind::Same
              ? loadElement(ElementType::F32, chunk.base.values, chunk.base.first - chunk.base.start + i)
              : 0;
      storeElement(ElementType::F32, chunk.into, i, joinHalves(chunk.base.kind, word & 0xffffu, lower[0], parent));
    }
  });
  if (warp.any(outside)) warp.fault(Fault::PatchOutside);
}

DELTASCOPE_TILE void decodeSteps(Warp& warp, ResidualShared& shared, const ResidualWork& work, const CodeTables& tables,
                                 const Plane& low, Warp::Lanes<std::uint32_t>& position, std::uint64_t offset,
                                 std::uint32_t count) {
  const Chunk& chunk = work.chunk;
  std::uint32_t bit = 0;  // fields: where the step begins
  for (std::uint32_t step = 0; step < count; step += kStep) {
    Warp::Lanes<Anchors> anchors;
    warp.each([&](unsigned lane) {
      const std::uint32_t at = step + lane * kEight;
      loadAnchors(work.rule, chunk.base, tables, chunk.base.first + offset + at, eightOf(at, count), anchors[lane]);
      if (work.prefix) return;
      std::uint32_t width = 0;
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < kEight; ++k) width += fieldWidth(work.table[anchors[lane].context[k]]);
      position[lane] = width;
    });
    const std::uint32_t bits = work.prefix ? 0 : warp.sumBefore(position);
    warp.each([&](unsigned lane) {
      std::uint32_t x[8], half[8];
      if (work.prefix) {
        takePrefixes(work, shared, anchors[lane], position[lane], x);
      } else {
        std::uint32_t at = bit + position[lane];
        DELTASCOPE_UNROLL
        for (unsigned k = 0; k < kEight; ++k) {
          const std::uint32_t packed = work.table[anchors[lane].context[k]];
          x[k] = fieldValue(packed, windowAt(shared, at) >> (32 - fieldWidth(packed)));
          at += fieldWidth(packed);
        }
      }
      addAnchors(work.rule.kind, anchors[lane], x, half);
      const std::uint32_t at = step + lane * kEight;
      if (const unsigned n = eightOf(at, count)) storeHalves(chunk, low, anchors[lane], offset + at, n, half);
    });
    bit += bits;
  }
}

DELTASCOPE_TILE void residualTile(Warp& warp, ResidualShared& shared, const ResidualWork& work, const CodeTables& tables,
                                  std::uint32_t tile) {
  const Chunk& chunk = work.chunk;
  const auto entry = [&](std::uint32_t t) { return loadAligned<std::uint32_t>(chunk.bytes + 4ull * t); };
  const auto begin = [&](std::uint32_t t) {
    return (4ull * chunk.tiles + 4 + 15) / 16 * 16 + 16ull * (entry(t) & 0x7fffffffu);
  };
  if (chunk.size < (4ull * chunk.tiles + 4 + 15) / 16 * 16) return warp.fault(Fault::ChunkCutOff);
  const std::uint64_t from = begin(tile), to = begin(tile + 1);
  if ((entry(0) & 0x7fffffffu) != 0 || to < from || to > chunk.size) return warp.fault(Fault::TableOrder);
  const std::uint32_t count = elementsOf(chunk, tile);
  const std::uint64_t offset = static_cast<std::uint64_t>(tile) * kTile;
  Plane low;
  if (chunk.base.type == ElementType::F32) {
    low = readPlane(chunk, begin(chunk.tiles), 2 * chunk.base.count);
    if (!low.sound) return warp.fault(Fault::LowPlane);
  }
  const std::byte* bytes = chunk.bytes + from;
  if (entry(tile) >> 31) {
    if (to - from < 2ull * count) return warp.fault(Fault::RawTileCutOff);
    return storeRaw(warp, work, tables, low, bytes, offset, count);
  }
  if (to - from < 16 || to - from > 4 * kMaxTileWords) return warp.fault(Fault::TileSize);
  const auto size = static_cast<std::uint32_t>(to - from);
  Warp::Lanes<std::uint32_t> position;
  TileParts parts;
  if (const Fault wrong = readTile(warp, work, bytes, size, position, parts); wrong != Fault::None) return warp.fault(wrong);
  stage(warp, shared, bytes + parts.begin, parts.end - parts.begin);
  decodeSteps(warp, shared, work, tables, low, position, offset, count);
  patch(warp, work, low, bytes + parts.end, parts.patches, offset, count);
}

}  // namespace deltascope::kernels::cuda
