// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Base and delta of an NF4 weight in units (units.cu makes them), 12.9 bits a weight.
///
/// A record: codes of the upper rows and of the lower rows, a word a chunk and lane, exclusive-or the zero bin's; absmax cut to
/// 16 bits, two of each upper row and two of the lower; a word of extras a lane; eight patches; of each weight the low byte of
/// its difference to the anchor (a chunk and lane: eight of the upper row, eight of the lower). What a draft reads comes first.
///
/// Anchors are sums of bit patterns, factor + absmax: a bin is narrow enough that eight bits are left of the difference. Two
/// codes are looked up at once, in a table that every lane has in a bank of its own.
/// Weights of the zero bin have three bits more: two of the magnitude and the sign. A lane's word holds them in the order of
/// its chunks and rows, and of the nibbles of their codes, at most four of eight weights and ten in all. The upper byte of
/// every other difference is zero, or a sign's where more than three weights of the zero bin come before it. What these cannot
/// express is patched: the last of eight patches points to a list where there are more.
#include "kernels/cuda/sources.cuh"

namespace deltascope::kernels::cuda {

template <bool kWide>
struct PairSource {
  const std::byte* records;
  const std::uint32_t* overflow;  ///< lists: number, patches
  std::uint32_t rowUnits;
  std::uint32_t lo[16];  ///< by code: what is added to absmax's upper 16 bits (pairFactors)

  static constexpr bool kWideTable = kWide;
#if __CUDA_ARCH__ >= 900  // where products with it are called
  static constexpr bool kCompiled = kWide;
#else
  static constexpr bool kCompiled = !kWide;
#endif
  static constexpr std::uint32_t kLowerAt = 512, kScalesAt = 1024, kExtrasAt = 1088, kPatchesAt = 1216, kBytesAt = 1248;
  static constexpr std::uint32_t kRecordBytes = 3296, kInlinePatches = 8;
  static constexpr std::uint32_t kNoPatch = 0xffffffffu, kMorePatches = 0x80000000u;
  static constexpr std::uint32_t kExtras = 10;
  static constexpr unsigned kZeroCode = 7;  ///< codes are kept exclusive-or this, so that the zero bin's is zero
  /// Wide: entry e's word of lane l lies 256 e + 4 l bytes beyond this address of shared memory, so that one permutation makes
  /// an address of a byte of codes. Else a table of the sixteen factors, anywhere.
  static constexpr std::uint32_t kTableAddress = 0x10000, kTableBytes = 0x10000, kTableWords = kWide ? kTableBytes / 4 : 16;

  __device__ __forceinline__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    if constexpr (kWide) {
      for (unsigned i = threadIdx.x; i < 256 * 8; i += threads) {
        const unsigned e = i >> 3;
        const std::uint32_t pair = lo[(e >> 4) ^ kZeroCode] | lo[(e & 15) ^ kZeroCode] << 16;
        reinterpret_cast<uint4*>(shared)[e * 16 + (i & 7)] = make_uint4(pair, pair, pair, pair);
      }
    } else {
      for (unsigned i = threadIdx.x; i < 16; i += threads) shared[i] = lo[i ^ kZeroCode];
    }
  }
  using Cursor = const std::byte*;
  __device__ __forceinline__ Cursor seek(std::uint32_t group, std::uint32_t unit, std::uint32_t, unsigned) const {
    return records + (std::size_t{group} * rowUnits + unit) * kRecordBytes;
  }
  __device__ __forceinline__ static void advance(Cursor& at) { at += kRecordBytes; }
  struct Unit {
    uint4 codes[2], bytes[kUnitChunks];
    uint2 absmax;
    std::uint32_t extras, patch;
    std::uint32_t taken0, taken1, taken2;
    bool more;
  };
  __device__ __forceinline__ static void load(Unit& unit, const Cursor& at) {
    const unsigned lane = threadIdx.x % kWarp;
    const std::byte *const wide = at + lane * 16, *const narrow = at + lane * 4;
    unit.codes[0] = readOnce<uint4>(wide);
    unit.codes[1] = readOnce<uint4>(wide + kLowerAt);
    unit.absmax = readOnce<uint2>(at + (lane >> 2) * 8 + kScalesAt);
    unit.extras = readOnce<std::uint32_t>(narrow + kExtrasAt);
    unit.patch = kNoPatch;
    if (lane < kInlinePatches) unit.patch = readOnce<std::uint32_t>(narrow + kPatchesAt);
#pragma unroll
    for (unsigned c = 0; c < kUnitChunks; ++c) unit.bytes[c] = readOnce<uint4>(wide + kBytesAt + c * 512);
  }
  __device__ __forceinline__ void start(Unit& unit) const {
    const std::uint32_t w = unit.extras;
    unit.taken0 = w & 0x83838383u;
    unit.taken1 = (w >> 2 & 0x03030303u) | (w << 1 & 0x80808080u);
    unit.taken2 = (w >> 4 & 0x0303u) | (w >> 13 & 0x80u) | (w >> 14 & 0x8000u);
    const std::uint32_t last = __shfl_sync(kAllLanes, unit.patch, kInlinePatches - 1);
    unit.more = last != kNoPatch && (last & kMorePatches);
  }
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint32_t* table, unsigned lane) const {
    const std::uint32_t upper = wordOf(unit.codes[0], c), lower = wordOf(unit.codes[1], c);
    std::uint32_t high[4];
    take(unit, upper, high[0], high[1]);
    take(unit, lower, high[2], high[3]);
    for (unsigned hits = __ballot_sync(kAllLanes, unit.patch >> 29 == c); hits != 0; hits &= hits - 1)
      put(__shfl_sync(kAllLanes, unit.patch, __ffs(static_cast<int>(hits)) - 1), lane, high);
    if (unit.more) putMore(__shfl_sync(kAllLanes, unit.patch, kInlinePatches - 1), c, lane, high);
    const unsigned scale = c < 2 ? 0x1010 : 0x3232;
    return {
        pairs(upper, __byte_perm(unit.absmax.x, 0, scale), unit.bytes[c].x, unit.bytes[c].y, high[0], high[1], table, lane),
        pairs(lower, __byte_perm(unit.absmax.y, 0, scale), unit.bytes[c].z, unit.bytes[c].w, high[2], high[3], table, lane)};
  }

  /// A one for every nibble that is not zero.
  [[nodiscard]] __host__ __device__ static constexpr std::uint32_t nonzero(std::uint32_t codes) {
    const std::uint32_t half = codes | codes >> 1;
    return (half | half >> 2) & 0x11111111u;
  }
  /// chunk << 29 | lane << 24 | word << 22 | byte << 20 | bits that differ: words of upper rows, then of lower.
  [[nodiscard]] __host__ __device__ static constexpr std::uint32_t patchOf(std::uint32_t chunk, std::uint32_t lane,
                                                                           std::uint32_t word, std::uint32_t byte,
                                                                           std::uint32_t bits) {
    return chunk << 29 | lane << 24 | word << 22 | byte << 20 | bits;
  }
  /// Places of extra i in its word, as start() takes them apart.
  [[nodiscard]] __host__ __device__ static constexpr std::uint32_t extraAt(std::uint32_t i, std::uint32_t magnitude,
                                                                           std::uint32_t sign) {
    if (i < 4) return (magnitude | sign << 7) << 8 * i;
    if (i < 8) return (magnitude << 2 | sign << 6) << 8 * (i - 4);
    return i == 8 ? magnitude << 4 | sign << 20 : magnitude << 12 | sign << 29;
  }

 private:
  /// Upper bytes of eight differences, in the order of the nibbles: of the zero bin the next extras, else zero.
  __device__ __forceinline__ static void take(Unit& unit, std::uint32_t codes, std::uint32_t& high0, std::uint32_t& high1) {
    constexpr std::uint32_t kOnes = 0x11111111u;
    const std::uint32_t others = nonzero(codes);
    // Nibble i: how many of nibbles below i are zero, and four more where i itself is not. Where four and more are, others take
    // a sign: the encoder knows.
    const std::uint32_t select = others * (4u - (kOnes << 4)) + kOnes * (kOnes << 4);
    asm("prmt.b32 %0, %1, 0, %2;" : "=r"(high0) : "r"(unit.taken0), "r"(select));
    asm("prmt.b32 %0, %1, 0, %2;" : "=r"(high1) : "r"(unit.taken0), "r"(select >> 16));
    const std::uint32_t bits = 64 - 8 * __popc(others);
    unit.taken0 = __funnelshift_rc(unit.taken0, unit.taken1, bits);
    unit.taken1 = __funnelshift_rc(unit.taken1, unit.taken2, bits);
    unit.taken2 = __funnelshift_rc(unit.taken2, 0, bits);
  }
  __device__ __forceinline__ static Pairs pairs(std::uint32_t codes, std::uint32_t absmax, std::uint32_t low0,
                                                std::uint32_t low1, std::uint32_t high0, std::uint32_t high1,
                                                const std::uint32_t* table, unsigned lane) {
    const std::uint32_t even = kWide ? 0 : evenOffsets(codes), odd = kWide ? 0 : oddOffsets(codes);
    const std::uint32_t lanes = sharedAddress(table) | lane * 4;
    const auto anchors = [&](unsigned k) {
      if constexpr (kWide)
        return loadShared(__byte_perm(codes, lanes, 0x7604 | k << 4)) + absmax;
      else
        return __byte_perm(lookUp(table, even, k), lookUp(table, odd, k), 0x5410) + absmax;
    };
    return {{anchors(0) + __byte_perm(low0, high0, 0x4150), anchors(1) + __byte_perm(low0, high0, 0x6372),
             anchors(2) + __byte_perm(low1, high1, 0x4150), anchors(3) + __byte_perm(low1, high1, 0x6372)}};
  }
  __device__ __forceinline__ static void put(std::uint32_t patch, unsigned lane, std::uint32_t (&high)[4]) {
    const std::uint32_t bits = (patch >> 24 & 31) == lane ? (patch & 255) << (patch >> 17 & 24) : 0u, word = patch >> 22 & 3;
#pragma unroll
    for (unsigned k = 0; k < 4; ++k) high[k] ^= word == k ? bits : 0u;
  }
  __device__ __forceinline__ void putMore(std::uint32_t last, unsigned c, unsigned lane, std::uint32_t (&high)[4]) const {
    const std::uint32_t* const list = overflow + (last & ~kMorePatches);
    const std::uint32_t count = list[0];
#pragma unroll 1
    for (std::uint32_t i = 1; i <= count; ++i)
      if (const std::uint32_t patch = list[i]; patch >> 29 == c) put(patch, lane, high);
  }
};

}  // namespace deltascope::kernels::cuda
