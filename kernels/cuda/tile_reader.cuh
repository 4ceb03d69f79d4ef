// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Decoding of residual tiles over a four-bit base with BF16 finals: one warp a tile, eight weights a lane and step. The byte
/// layouts are in core/payload/FORMAT.md; a tile lies in shared memory while it is decoded.
///
/// Whatever the bytes are, nothing outside the tile's slot is read: lanes start inside the tile, take at most 16 bits a weight,
/// and the slot has room for that past the largest tile.
#include "kernels/cuda/patches.cuh"
#include "kernels/cuda/tile_table.h"

namespace deltascope::kernels::cuda {

inline constexpr std::uint32_t kRawTile = 0x80000000u;
inline constexpr std::uint32_t kTileWeights = 4096, kStepWeights = 256, kTileSteps = 16;
inline constexpr std::uint32_t kPrefixHead = 36, kFieldHead = 4;
/// What a lane can read past the end of a tile that lies: its 128 weights at 16 bits, and the window.
inline constexpr std::uint32_t kSlotSlack = 288;

/// A window of two words over a bit stream in shared memory.
struct Window {
  std::uint32_t first, second, next;

  __device__ __forceinline__ void start(std::uint32_t stream, std::uint32_t bit) {
    const std::uint32_t address = stream + (bit >> 3 & ~3u);
    first = loadShared(address);
    second = loadShared(address + 4);
    next = address + 8;
  }
  /// `change`: the old bit position XOR the new one; the next word comes in where bit 5 changed.
  __device__ __forceinline__ void advance(std::uint32_t change) {
    asm volatile(
        "{.reg .pred p; .reg .u32 t; and.b32 t, %3, 32; setp.ne.u32 p, t, 0;"
        " @p mov.u32 %0, %1; @p ld.shared.u32 %1, [%2]; @p add.u32 %2, %2, 4;}"
        : "+r"(first), "+r"(second), "+r"(next)
        : "r"(change));
  }
  /// 32 bits from bit position `bit` on.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t bits(std::uint32_t bit) const {
    return __funnelshift_l(second, first, bit);
  }
};

/// x >> (count & 31), and x << (32 − (count & 31)).
__device__ __forceinline__ std::uint32_t topBits(std::uint32_t x, std::uint32_t count) { return __funnelshift_r(x, 0, count); }
__device__ __forceinline__ std::uint32_t dropBits(std::uint32_t x, std::uint32_t count) { return __funnelshift_r(0, x, count); }

__device__ __forceinline__ std::uint32_t tableAt(const std::uint8_t* table, std::uint32_t offset) {
  return *reinterpret_cast<const std::uint32_t*>(table + offset);
}
/// Four times the code of weight 2k (even) or 2k + 1 of a word of codes.
__device__ __forceinline__ std::uint32_t evenCode(std::uint32_t codes, int k) { return codes >> (8 * k + 2) & 0x3c; }
__device__ __forceinline__ std::uint32_t oddCode(std::uint32_t codes, int k) {
  return (k == 0 ? codes << 2 : codes >> (8 * k - 2)) & 0x3c;
}

/// `entropy`: 32 lane streams.
struct PrefixReader {
  static constexpr std::uint32_t kTableBytes = 64 + 4096;
  Window window;
  std::uint32_t bit;

  static __device__ void loadTable(std::uint32_t* shared, const TileTable* table, unsigned threads) {
    for (unsigned i = threadIdx.x; i < 16; i += threads) shared[i] = table->lo[i];
    for (unsigned i = threadIdx.x; i < 1024; i += threads) shared[16 + i] = table->prefix[i];
  }
  /// `slot`: the tile in shared memory, `bytes` long. False for a tile that contradicts itself.
  __device__ __forceinline__ bool start(std::uint32_t slot, std::uint32_t bytes, unsigned lane, SharedPatches& patches) {
    const std::uint32_t head = loadShared(slot), unit = head >> 12 & 15;
    const std::uint32_t more = loadShared(slot + 4 + (lane & ~3u)) >> (lane & 3) * 8 & 255;
    const std::uint32_t length = (head & 4095) + (more << unit);
    const std::uint32_t end = scanOfLanes(length), total = __shfl_sync(kAllLanes, end, 31);
    const std::uint32_t room = bytes > kPrefixHead ? (bytes - kPrefixHead) / 4 : 0, words = (total + 31) / 32;
    const std::uint32_t count = head >> 16;
    const bool good = words <= room && count <= room - words;
    patches.start(slot + kPrefixHead + 4 * words, good ? count : 0, lane);
    bit = good ? end - length : 0;
    window.start(slot + kPrefixHead, bit);
    return good;
  }
  __device__ __forceinline__ void startStep(std::uint32_t, std::uint32_t, const std::uint8_t*, unsigned) {}
  __device__ __forceinline__ Pairs step(std::uint32_t codes, std::uint32_t absmax, std::uint32_t absmaxPair,
                                        const std::uint8_t* table, const TileTable*) {
    const std::uint8_t* prefix = table + 64 + ((absmax >> 21 & 3) << 10);
    Pairs result;
    std::uint32_t anchors[4];
#pragma unroll
    for (int k = 0; k < 4; ++k)
      anchors[k] = __byte_perm(tableAt(table, evenCode(codes, k)), tableAt(table, oddCode(codes, k)), 0x5410);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const std::uint32_t bits = window.bits(bit);
      const std::uint32_t even = codes >> (8 * k + 4), odd = codes >> 8 * k;
      const std::uint32_t e0 = tableAt(prefix, __funnelshift_l(bits, even, 6) & 0x3fc);
      const std::uint32_t x0 = topBits(bits, e0) + (e0 >> 16), rest = dropBits(bits, e0);
      const std::uint32_t e1 = tableAt(prefix, __funnelshift_l(rest, odd, 6) & 0x3fc);
      const std::uint32_t x1 = topBits(rest, e1) + (e1 >> 16);
      const std::uint32_t next = bit - e0 - e1;
      window.advance(bit ^ next);
      bit = next;
      result.pair[k] = multiplyPairs(anchors[k], absmaxPair) + __byte_perm(x0, x1, 0x5410);
    }
    return result;
  }
};

/// `bitpack`: fields in weight order; widths follow from the codes, so that positions are a sum over the lanes.
struct FieldReader {
  static constexpr std::uint32_t kTableBytes = 64;
  Window window;
  std::uint32_t stream, base, bit, limit;

  static __device__ void loadTable(std::uint32_t* shared, const TileTable* table, unsigned threads) {
    for (unsigned i = threadIdx.x; i < 16; i += threads) shared[i] = table->lo[i];
  }
  __device__ __forceinline__ bool start(std::uint32_t slot, std::uint32_t bytes, unsigned lane, SharedPatches& patches) {
    const std::uint32_t head = loadShared(slot), words = head & 0xffff;
    const std::uint32_t room = bytes > kFieldHead ? (bytes - kFieldHead) / 4 : 0;
    const std::uint32_t count = head >> 16;
    const bool good = words <= room && count <= room - words;
    patches.start(slot + kFieldHead + 4 * words, good ? count : 0, lane);
    stream = slot + kFieldHead;
    base = 0;
    limit = good ? 32 * words : 0;
    return good;
  }
  /// Before two steps of weights: where each lane's fields of the first begin, and of the second after them.
  __device__ __forceinline__ void startStep(std::uint32_t firstCodes, std::uint32_t secondCodes, const std::uint8_t* table,
                                            unsigned) {
    const std::uint32_t own = widths(firstCodes, table) | widths(secondCodes, table) << 16;
    const std::uint32_t end = scanOfLanes(own), total = __shfl_sync(kAllLanes, end, 31), before = end - own;
    bit = base + (before & 0xffff);
    m_second = base + (total & 0xffff) + (before >> 16);
    base += (total & 0xffff) + (total >> 16);
    window.start(stream, min(bit, limit));
  }
  __device__ __forceinline__ void nextStep() {
    bit = m_second;
    window.start(stream, min(bit, limit));
  }
  __device__ __forceinline__ Pairs step(std::uint32_t codes, std::uint32_t, std::uint32_t absmaxPair, const std::uint8_t* table,
                                        const TileTable* constants) {
    Pairs result;
    std::uint32_t entries[8];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      entries[2 * k] = tableAt(table, evenCode(codes, k));
      entries[2 * k + 1] = tableAt(table, oddCode(codes, k));
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const std::uint32_t e0 = entries[2 * k], e1 = entries[2 * k + 1];
      const std::uint32_t bits = window.bits(bit), next = bit - e0 - e1;
      window.advance(bit ^ next);
      bit = next;
      const std::uint32_t x0 = topBits(bits, e0), x1 = topBits(dropBits(bits, e0), e1);
      const std::uint32_t x = __byte_perm(x0, x1, 0x5410);
      const std::uint32_t anchors = multiplyPairs(__byte_perm(e0, e1, 0x7632), absmaxPair);
      const std::uint32_t sign = x & __byte_perm(e0, e1, 0x5410) & constants->signMask;
      result.pair[k] = anchors + x + sign * constants->signAdd;
    }
    return result;
  }

 private:
  std::uint32_t m_second;
  __device__ __forceinline__ static std::uint32_t widths(std::uint32_t codes, const std::uint8_t* table) {
    std::uint32_t left = 0;
#pragma unroll
    for (int k = 0; k < 4; ++k) left += (tableAt(table, evenCode(codes, k)) & 31) + (tableAt(table, oddCode(codes, k)) & 31);
    return 256 - left;
  }
};

}  // namespace deltascope::kernels::cuda
