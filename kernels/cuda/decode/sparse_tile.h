// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tiles of `sparse`: one warp each. The lanes sort the tile's positions by class; the first reads the bit stream, whose
/// symbols follow from each other, a few dozen changes at a time; all apply them.
#include "kernels/cuda/decode/chunk.h"
#include "kernels/cuda/decode/order.h"

namespace deltascope::kernels::cuda {

struct SparseWork {
  Chunk chunk;
  const std::uint32_t* entries = nullptr;  ///< SparseTable::entries
  std::uint8_t unit[SparseTable::kClasses] = {};
  unsigned top = 0;
};

inline constexpr std::uint32_t kStageWords = 132;

/// Where the reader of the stream is.
struct SparseCursor {
  std::uint32_t bit = 0;      ///< of the stream
  std::uint32_t of = 0;       ///< class plus one; 0: done
  std::uint32_t i = 0;        ///< elements of the class that are done with
  std::uint32_t staged = 0;   ///< word of the stream that the stage begins with
  std::uint32_t changes = 0;  ///< found since the last were applied
  Fault fault = Fault::None;
};

/// Of one warp.
struct SparseShared {
  std::uint16_t order[kTile];
  std::uint32_t begin[SparseTable::kClasses + 1];  ///< of each class in `order`
  RunCounts<SparseTable::kClasses> counts;
  std::uint32_t stage[kStageWords];
  std::uint32_t x[kWarp];
  std::uint16_t position[kWarp];
  SparseCursor cursor;
};

DELTASCOPE_TILE std::uint32_t classOf(ElementType type, unsigned top, std::uint32_t bits) {
  const std::uint32_t exponent = type == ElementType::F32   ? bits >> 23 & 0xffu
                                 : type == ElementType::F16 ? bits >> 10 & 0x1fu
                                                            : bits >> 7 & 0xffu;
  return exponentContext(top, exponent);
}

/// Positions by class. The values are those in `into`.
DELTASCOPE_TILE void sortTile(Warp& warp, SparseShared& shared, const SparseWork& work, std::uint64_t offset,
                              std::uint32_t count) {
  const Chunk& chunk = work.chunk;
  const auto eachClass = [&](unsigned lane, auto&& visit) {
    for (std::uint32_t at = lane * kRun; at < (lane + 1) * kRun && at < count; at += kEight) {
      std::uint32_t bits[8];
      const unsigned n = eightOf(at, count);
      loadElements(chunk.base.type, chunk.into, offset + at, n, bits);
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < kEight; ++k)
        if (k < n) visit(classOf(chunk.base.type, work.top, bits[k]), at + k);
    }
  };
  clearCounts(warp, shared.counts);
  warp.each([&](unsigned lane) { eachClass(lane, [&](std::uint32_t c, std::uint32_t) { ++shared.counts.of(c, lane); }); });
  sumCounts(warp, shared.counts, SparseTable::kClasses,
            [&](unsigned c, std::uint32_t number) { shared.begin[c + 1] = number; });
  warp.first([&] {
    shared.begin[0] = 0;
    for (unsigned c = 0; c < SparseTable::kClasses; ++c) shared.begin[c + 1] += shared.begin[c];
  });
  warp.each([&](unsigned lane) {
    eachClass(lane, [&](std::uint32_t c, std::uint32_t at) {
      shared.order[(shared.begin[c] + shared.counts.of(c, lane)++) % kTile] = static_cast<std::uint16_t>(at);
    });
  });
}

/// Reads symbols until the changes are a warp's, the stage is read or the tile is done. One lane.
DELTASCOPE_TILE void readSymbols(SparseShared& shared, const SparseWork& work, std::uint32_t streamBits) {
  SparseCursor cursor = shared.cursor;
  cursor.changes = 0;
  constexpr std::uint32_t kMask = (1u << SparseTable::kCodeBits) - 1;
  while (cursor.of && cursor.changes < kWarp) {
    const std::uint32_t c = cursor.of - 1, begin = shared.begin[c], size = shared.begin[c + 1] - begin;
    if (cursor.i >= size) {
      --cursor.of;
      cursor.i = 0;
      continue;
    }
    if (cursor.bit >= streamBits) {  // past the end nothing changes
      cursor.of = 0;
      break;
    }
    const std::uint32_t word = (cursor.bit >> 5) - cursor.staged, within = cursor.bit & 31;
    if (word + 3 > kStageWords) break;
    const std::uint64_t two = shared.stage[word] | static_cast<std::uint64_t>(shared.stage[word + 1]) << 32;
    const std::uint64_t third = shared.stage[word + 2];
    const std::uint64_t window = two >> within | (third << 1) << (63 - within);
    const std::uint32_t e = work.entries[c << SparseTable::kCodeBits | (static_cast<std::uint32_t>(window) & kMask)];
    const unsigned gapBits = e >> 10 & 15, rawBits = e >> 14 & 63;
    std::uint64_t fields = window >> (e >> 6 & 15);
    cursor.bit += e & 63;
    const std::uint32_t gap = ((e >> 23 & 7) << work.unit[c]) + (static_cast<std::uint32_t>(fields) & ((1u << gapBits) - 1));
    const bool used = e >> 26 & 1;
    cursor.i += gap;
    if (cursor.i >= size) {
      if (used) {
        cursor.fault = Fault::ChangeOutside;
        cursor.of = 0;
      }
      continue;
    }
    if (!used) {
      if (gap == 0) {  // no sound table has such an entry
        cursor.fault = Fault::ChangeOutside;
        cursor.of = 0;
      }
      continue;
    }
    fields >>= gapBits;
    const std::uint64_t mask = (std::uint64_t{1} << rawBits) - 1;
    const auto magnitude = static_cast<std::uint32_t>(static_cast<std::uint64_t>(e >> 20 & 3) << rawBits | (fields & mask));
    shared.x[cursor.changes] = e >> 22 & 1 ? 0 - magnitude : magnitude;
    shared.position[cursor.changes++] = shared.order[(begin + cursor.i) % kTile];
    ++cursor.i;
  }
  shared.cursor = cursor;
}

/// A tile that is a bit stream of `size` bytes at `at` in the chunk, over values that are in `into`.
DELTASCOPE_TILE void sparseStream(Warp& warp, SparseShared& shared, const SparseWork& work, std::uint64_t at,
                                  std::uint32_t size, std::uint64_t offset, std::uint32_t count) {
  sortTile(warp, shared, work, offset, count);
  warp.first([&] {
    shared.cursor = SparseCursor{};
    shared.cursor.of = SparseTable::kClasses;
  });
  const std::byte* stream = work.chunk.bytes + at;
  for (bool fresh = true;;) {
    const std::uint32_t word = shared.cursor.bit >> 5;
    const bool load = fresh || word - shared.cursor.staged > kStageWords / 2;
    fresh = false;
    warp.each([&](unsigned) {});  // all have read the cursor
    if (load) {
      warp.each([&](unsigned lane) {
        for (std::uint32_t w = lane; w < kStageWords; w += kWarp) shared.stage[w] = wordAt(stream, size, 4ull * (word + w));
      });
      warp.first([&] { shared.cursor.staged = word; });
    }
    warp.first([&] { readSymbols(shared, work, 8 * size); });
    const std::uint32_t changes = shared.cursor.changes;
    warp.each([&](unsigned lane) {
      if (lane < changes) addOrdered(work.chunk, offset + shared.position[lane] % kTile, shared.x[lane]);
    });
    if (shared.cursor.of == 0) break;
  }
  const Fault fault = shared.cursor.fault;
  const std::uint32_t bit = shared.cursor.bit;
  warp.each([&](unsigned) {});  // before the next tile overwrites it
  if (fault != Fault::None) return warp.fault(fault);
  if (bit + 8 <= 8 * size) warp.fault(Fault::BytesFollow);
}

/// The sizes of tiles: `width` bits each, added to the least.
struct SparseSizes {
  const std::byte* table = nullptr;
  std::uint64_t bytes = 0;
  std::uint32_t least = 0;
  unsigned width = 0;
};
DELTASCOPE_TILE std::uint32_t sizeOf(const SparseSizes& sizes, std::uint32_t tile) {
  const std::uint64_t bit = static_cast<std::uint64_t>(tile) * sizes.width;
  return sizes.least + (wordAt(sizes.table, sizes.bytes, bit / 8) >> (bit % 8) & ((1u << sizes.width) - 1));
}

DELTASCOPE_TILE void sparseTile(Warp& warp, SparseShared& shared, const SparseWork& work, const CodeTables& tables,
                                std::uint32_t tile) {
  constexpr std::uint64_t kHeader = 4;
  const Chunk& chunk = work.chunk;
  copyValues(warp, chunk, tables, tile);
  if (chunk.size == 0) return;  // nothing changed
  if (chunk.size < kHeader) return warp.fault(Fault::ChunkCutOff);
  const auto head = loadAligned<std::uint32_t>(chunk.bytes);
  SparseSizes sizes;
  sizes.least = head & 0xffffu;
  sizes.width = head >> 16 & 0xffu;
  if (sizes.width > 15 || head >> 24) return warp.fault(Fault::UnknownForm);
  sizes.table = chunk.bytes + kHeader;
  sizes.bytes = (static_cast<std::uint64_t>(chunk.tiles) * sizes.width + 7) / 8;
  if (chunk.size - kHeader < sizes.bytes) return warp.fault(Fault::ChunkCutOff);

  // The tile begins where those before it end; in two parts, so that no sum of lanes leaves 32 bits.
  Warp::Lanes<std::uint32_t> low, high;
  warp.each([&](unsigned lane) {
    std::uint64_t sum = 0;
    for (std::uint64_t t = lane; t < tile; t += kWarp) sum += sizeOf(sizes, static_cast<std::uint32_t>(t));
    low[lane] = static_cast<std::uint32_t>(sum & 0xffffffu);
    high[lane] = static_cast<std::uint32_t>(sum >> 24 < 0x7ffffffu ? sum >> 24 : 0x7ffffffu);
  });
  const std::uint64_t lowSum = warp.sumBefore(low), highSum = warp.sumBefore(high);
  const std::uint64_t at = kHeader + sizes.bytes + lowSum + (highSum << 24);

  const std::uint32_t count = elementsOf(chunk, tile), raw = count * elementBytes(chunk.base.type);
  const std::uint64_t offset = static_cast<std::uint64_t>(tile) * kTile;
  const std::uint32_t size = sizeOf(sizes, tile);
  if (size > raw) return warp.fault(Fault::TileTooLarge);
  if (at > chunk.size || chunk.size - at < size) return warp.fault(Fault::ChunkCutOff);
  if (size == raw) {
    warp.each([&](unsigned lane) {
      std::byte* into = chunk.into + offset * elementBytes(chunk.base.type);
      for (std::uint32_t k = 2 * lane; k < raw; k += 2 * kWarp)
        storeAligned(into + k, static_cast<std::uint16_t>(byteAt(chunk.bytes, at + k) | byteAt(chunk.bytes, at + k + 1) << 8));
    });
  } else if (size > 0) {
    sparseStream(warp, shared, work, at, size, offset, count);
  }
  if (tile + 1 != chunk.tiles) return;
  Warp::Lanes<bool> rest;
  warp.each([&](unsigned lane) {
    rest[lane] = at + size + lane < chunk.size && (lane >= 15 || byteAt(chunk.bytes, at + size + lane) != 0);
  });
  if (warp.any(rest)) warp.fault(Fault::BytesFollow);
}

}  // namespace deltascope::kernels::cuda
