// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a product's weights come from. A *unit* is 16 rows × 128 columns, four chunks of 32 columns; lane (g, t) of 8 × 4
/// holds of each chunk columns 8t … 8t + 7 of rows g and g + 8, which is what the tensor cores take.
#include <cstddef>

#include "kernels/cuda/warp.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kUnitRows = 16, kUnitColumns = 128, kChunkColumns = 32, kUnitChunks = 4;
inline constexpr std::uint32_t kUnitWeights = kUnitRows * kUnitColumns;

/// Eight weights of row g, and of row g + 8.
struct ChunkWeights {
  Pairs upper, lower;
};

/// BF16 as they are. Rows past the matrix's last are read as the last.
struct DenseSource {
  const std::byte* weights;
  std::uint32_t columns, rows;

  static constexpr std::uint32_t kTableWords = 1;
  __device__ __forceinline__ void loadTable(std::uint32_t*, unsigned) const {}
  /// Where a lane reads next.
  struct Cursor {
    const uint4 *upper, *lower;
  };
  __device__ __forceinline__ Cursor seek(std::uint32_t group, std::uint32_t unit, std::uint32_t, unsigned lane) const {
    const std::uint32_t column = unit * kUnitColumns + (lane & 3) * 8, row = group * kUnitRows + (lane >> 2);
    return {reinterpret_cast<const uint4*>(weights + (std::size_t{min(row, rows - 1)} * columns + column) * 2),
            reinterpret_cast<const uint4*>(weights + (std::size_t{min(row + 8, rows - 1)} * columns + column) * 2)};
  }
  __device__ __forceinline__ static void advance(Cursor& at) {
    at.upper += kUnitColumns / 8;
    at.lower += kUnitColumns / 8;
  }
  struct Unit {
    uint4 upper[kUnitChunks], lower[kUnitChunks];
  };
  __device__ __forceinline__ static void load(Unit& unit, const Cursor& at) {
#pragma unroll
    for (unsigned c = 0; c < kUnitChunks; ++c) {
      unit.upper[c] = loadOnce(at.upper + c * 4);
      unit.lower[c] = loadOnce(at.lower + c * 4);
    }
  }
  __device__ __forceinline__ void start(Unit&) const {}
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint32_t*, unsigned) const {
    const uint4 &a = unit.upper[c], &b = unit.lower[c];
    return {{{a.x, a.y, a.z, a.w}}, {{b.x, b.y, b.z, b.w}}};
  }
};

/// The records of units, one after another: all that a unit needs, in the lanes' order.
struct UnitCursor {
  const std::byte *wide, *narrow, *scales;  ///< of a lane: 16 bytes, 4 bytes; of its rows
};
template <std::uint32_t kRecordBytes, std::uint32_t kScaleBytes>
__device__ __forceinline__ UnitCursor seekRecord(const std::byte* records, std::uint32_t group, std::uint32_t unit,
                                                 std::uint32_t rowUnits, unsigned lane) {
  const std::byte* record = records + (std::size_t{group} * rowUnits + unit) * kRecordBytes;
  return {record + lane * 16, record + lane * 4, record + (lane >> 2) * kScaleBytes};
}
template <std::uint32_t kRecordBytes>
__device__ __forceinline__ void advanceRecord(UnitCursor& at) {
  at.wide += kRecordBytes;
  at.narrow += kRecordBytes;
  at.scales += kRecordBytes;
}
template <class T>
__device__ __forceinline__ T readOnce(const std::byte* p) {
  return loadOnce(reinterpret_cast<const T*>(p));
}
/// Word c of four.
__device__ __forceinline__ std::uint32_t wordOf(const uint4& words, unsigned c) {
  return c == 0 ? words.x : c == 1 ? words.y : c == 2 ? words.z : words.w;
}
/// Four times the codes of even weights, and of odd ones, in bytes.
__device__ __forceinline__ std::uint32_t evenOffsets(std::uint32_t codes) { return codes >> 2 & 0x3c3c3c3cu; }
__device__ __forceinline__ std::uint32_t oddOffsets(std::uint32_t codes) { return codes << 2 & 0x3c3c3c3cu; }
__device__ __forceinline__ std::uint32_t lookUp(const std::uint32_t* table, std::uint32_t offsets, unsigned k) {
  return tableAt(reinterpret_cast<const std::uint8_t*>(table), __byte_perm(offsets, 0, 0x4440 | k));
}

/// The base alone: round(values[code] · absmax). A record: codes of the upper rows, of the lower rows (each a word a chunk and
/// lane), then absmax of each row pair: upper, upper, lower, lower for the unit's two blocks of 64 columns.
struct CodeSource {
  const std::byte* records;
  std::uint32_t rowUnits;
  float values[16];

  static constexpr std::uint32_t kLowerAt = 512, kScalesAt = 1024, kRecordBytes = 1152;
  static constexpr std::uint32_t kTableWords = 16;
  __device__ __forceinline__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    for (unsigned i = threadIdx.x; i < 16; i += threads) shared[i] = __float_as_uint(values[i]);
  }
  using Cursor = UnitCursor;
  __device__ __forceinline__ Cursor seek(std::uint32_t group, std::uint32_t unit, std::uint32_t, unsigned lane) const {
    return seekRecord<kRecordBytes, 16>(records, group, unit, rowUnits, lane);
  }
  __device__ __forceinline__ static void advance(Cursor& at) { advanceRecord<kRecordBytes>(at); }
  struct Unit {
    uint4 codes[2], absmax;
  };
  __device__ __forceinline__ static void load(Unit& unit, const Cursor& at) {
    unit.codes[0] = readOnce<uint4>(at.wide);
    unit.codes[1] = readOnce<uint4>(at.wide + kLowerAt);
    unit.absmax = readOnce<uint4>(at.scales + kScalesAt);
  }
  __device__ __forceinline__ void start(Unit&) const {}
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint32_t* table, unsigned) const {
    return {pairs(wordOf(unit.codes[0], c), c < 2 ? unit.absmax.x : unit.absmax.y, table),
            pairs(wordOf(unit.codes[1], c), c < 2 ? unit.absmax.z : unit.absmax.w, table)};
  }
  __device__ __forceinline__ static Pairs pairs(std::uint32_t codes, std::uint32_t absmax, const std::uint32_t* table) {
    const std::uint32_t even = evenOffsets(codes), odd = oddOffsets(codes);
    const float scale = __uint_as_float(absmax);
    Pairs w;
#pragma unroll
    for (unsigned k = 0; k < 4; ++k)
      w.pair[k] = toPair(__fmul_rn(__uint_as_float(lookUp(table, even, k)), scale),
                         __fmul_rn(__uint_as_float(lookUp(table, odd, k)), scale));
    return w;
  }
};

/// Base and delta of an NF4 weight (units.cu makes it). A record: codes as CodeSource has them; of each weight the low byte of
/// its difference to the anchor (a chunk and lane: eight of the upper row, eight of the lower); absmax cut to 16 bits, as
/// there; a word of extras a lane; eight patches.
///
/// Weights of the zero bin (code 7) have three bits more: two of the magnitude and the sign. A lane's word holds them in the
/// order of its chunks, upper row first, at most four of eight weights and ten in all. What these cannot express is a patch:
/// `chunk << 25 | lane << 20 | lower row << 19 | column << 16 | bits`; the last of eight points to a list where there are more.
struct ByteSource {
  const std::byte* records;
  const std::uint32_t* overflow;  ///< lists: number, patches
  std::uint32_t rowUnits;
  std::uint32_t lo[16];  ///< anchors' factors

  static constexpr std::uint32_t kLowerAt = 512, kBytesAt = 1024, kScalesAt = 3072, kExtrasAt = 3136, kPatchesAt = 3264;
  static constexpr std::uint32_t kRecordBytes = 3296, kInlinePatches = 8;
  static constexpr std::uint32_t kNoPatch = 0xffffffffu, kMorePatches = 0x80000000u;
  static constexpr std::uint32_t kExtras = 10;  ///< that a word holds
  static constexpr std::uint32_t kTableWords = 16 + 256;

  /// First the factors, then by mask of zero-bin weights where each takes its extra from.
  __device__ __forceinline__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    for (unsigned i = threadIdx.x; i < 16; i += threads) shared[i] = lo[i];
    for (unsigned i = threadIdx.x; i < 256; i += threads) shared[16 + i] = selectors(i);
  }
  using Cursor = UnitCursor;
  __device__ __forceinline__ Cursor seek(std::uint32_t group, std::uint32_t unit, std::uint32_t, unsigned lane) const {
    return seekRecord<kRecordBytes, 8>(records, group, unit, rowUnits, lane);
  }
  __device__ __forceinline__ static void advance(Cursor& at) { advanceRecord<kRecordBytes>(at); }
  struct Unit {
    uint4 codes[2], bytes[kUnitChunks];
    uint2 absmax;
    std::uint32_t extras, patch;
    std::uint32_t taken0, taken1, taken2;  ///< extras as bytes, those to be taken next first
    bool more;
  };
  __device__ __forceinline__ static void load(Unit& unit, const Cursor& at) {
    unit.codes[0] = readOnce<uint4>(at.wide);
    unit.codes[1] = readOnce<uint4>(at.wide + kLowerAt);
#pragma unroll
    for (unsigned c = 0; c < kUnitChunks; ++c) unit.bytes[c] = readOnce<uint4>(at.wide + kBytesAt + c * 512);
    unit.absmax = readOnce<uint2>(at.scales + kScalesAt);
    unit.extras = readOnce<std::uint32_t>(at.narrow + kExtrasAt);
    unit.patch = kNoPatch;
    if (threadIdx.x % kWarp < kInlinePatches) unit.patch = readOnce<std::uint32_t>(at.narrow + kPatchesAt);
  }
  /// Ten extras of three bits to ten bytes `sign << 7 | magnitude`.
  __device__ __forceinline__ void start(Unit& unit) const {
    const std::uint32_t w = unit.extras;
    unit.taken0 = w & 0x83838383u;
    unit.taken1 = (w >> 2 & 0x03030303u) | (w << 1 & 0x80808080u);
    unit.taken2 = (w >> 4 & 0x0303u) | (w >> 13 & 0x80u) | (w >> 14 & 0x8000u);
    const std::uint32_t last = __shfl_sync(kAllLanes, unit.patch, kInlinePatches - 1);
    unit.more = last != kNoPatch && (last & kMorePatches);
  }
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint32_t* table, unsigned lane) const {
    const unsigned scale = c < 2 ? 0x1010 : 0x3232;
    ChunkWeights w;
    w.upper =
        pairs(unit, wordOf(unit.codes[0], c), __byte_perm(unit.absmax.x, 0, scale), unit.bytes[c].x, unit.bytes[c].y, table);
    w.lower =
        pairs(unit, wordOf(unit.codes[1], c), __byte_perm(unit.absmax.y, 0, scale), unit.bytes[c].z, unit.bytes[c].w, table);
    for (unsigned hits = __ballot_sync(kAllLanes, unit.patch >> 25 == c); hits != 0; hits &= hits - 1)
      put(__shfl_sync(kAllLanes, unit.patch, __ffs(static_cast<int>(hits)) - 1), lane, w);
    if (unit.more) putMore(__shfl_sync(kAllLanes, unit.patch, kInlinePatches - 1), c, lane, w);
    return w;
  }

  /// One bit a weight of the zero bin, in the order that selectors() takes.
  __device__ __forceinline__ static std::uint32_t zeroMask(std::uint32_t codes) {
    const std::uint32_t t = codes ^ 0x77777777u;
    const std::uint32_t zeros = ~(((t & 0x77777777u) + 0x77777777u) | t) >> 3 & 0x11111111u;
    const std::uint32_t half = zeros | zeros >> 14;
    return (half | half >> 7) & 0xff;
  }
  /// Bit of zeroMask() of weight i of eight: weight i is in nibble i ^ 1.
  [[nodiscard]] __host__ __device__ static constexpr unsigned maskBit(unsigned i) {
    const unsigned at = 4 * (i ^ 1), half = at < 16 ? at : at - 14;
    return half < 8 ? half : half - 7;
  }
  /// Of each weight, in a nibble: which of four bytes is its extra, or a zero byte.
  [[nodiscard]] __host__ __device__ static constexpr std::uint32_t selectors(std::uint32_t mask) {
    std::uint32_t result = 0, rank = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const bool zero = mask >> maskBit(i) & 1;
      result |= (zero && rank < 4 ? rank : 4u) << 4 * i;
      rank += zero;
    }
    return result;
  }
  /// Places of extra i in its word, as start() takes them apart.
  [[nodiscard]] __host__ __device__ static constexpr std::uint32_t extraAt(std::uint32_t i, std::uint32_t magnitude,
                                                                           std::uint32_t sign) {
    if (i < 4) return (magnitude | sign << 7) << 8 * i;
    if (i < 8) return (magnitude << 2 | sign << 6) << 8 * (i - 4);
    return i == 8 ? magnitude << 4 | sign << 20 : magnitude << 12 | sign << 29;
  }

 private:
  __device__ __forceinline__ static Pairs pairs(Unit& unit, std::uint32_t codes, std::uint32_t absmaxPair, std::uint32_t low0,
                                                std::uint32_t low1, const std::uint32_t* table) {
    const std::uint32_t mask = zeroMask(codes), select = table[16 + mask];
    const std::uint32_t high0 = __byte_perm(unit.taken0, 0, select), high1 = __byte_perm(unit.taken0, 0, select >> 16);
    const std::uint32_t bits = 8 * __popc(mask);
    unit.taken0 = __funnelshift_rc(unit.taken0, unit.taken1, bits);
    unit.taken1 = __funnelshift_rc(unit.taken1, unit.taken2, bits);
    unit.taken2 = __funnelshift_rc(unit.taken2, 0, bits);
    const std::uint32_t even = evenOffsets(codes), odd = oddOffsets(codes);
    const auto anchors = [&](unsigned k) {
      return multiplyPairs(__byte_perm(lookUp(table, even, k), lookUp(table, odd, k), 0x5410), absmaxPair);
    };
    return {{anchors(0) + __byte_perm(low0, high0, 0x5140), anchors(1) + __byte_perm(low0, high0, 0x7362),
             anchors(2) + __byte_perm(low1, high1, 0x5140), anchors(3) + __byte_perm(low1, high1, 0x7362)}};
  }
  __device__ __forceinline__ static void put(std::uint32_t patch, unsigned lane, ChunkWeights& w) {
    if ((patch >> 20 & 31) != lane) return;
    const std::uint32_t select = patch >> 16 & 1 ? 0x5410 : 0x3254, at = patch >> 17 & 7;
#pragma unroll
    for (unsigned k = 0; k < 4; ++k) {  // selections, so that the weights stay in registers
      const std::uint32_t upper = __byte_perm(w.upper.pair[k], patch, select),
                          lower = __byte_perm(w.lower.pair[k], patch, select);
      asm("{.reg .pred p; setp.eq.u32 p, %1, %2; selp.b32 %0, %3, %0, p;}"
          : "+r"(w.upper.pair[k])
          : "r"(at), "r"(k), "r"(upper));
      asm("{.reg .pred p; setp.eq.u32 p, %1, %2; selp.b32 %0, %3, %0, p;}"
          : "+r"(w.lower.pair[k])
          : "r"(at), "r"(k + 4), "r"(lower));
    }
  }
  __device__ __noinline__ static std::uint32_t nextOf(const std::uint32_t* list, std::uint32_t& i, unsigned c) {
    for (; i <= list[0]; ++i)
      if (list[i] >> 25 == c) return list[i++];
    return kNoPatch;
  }
  __device__ __forceinline__ void putMore(std::uint32_t last, unsigned c, unsigned lane, ChunkWeights& w) const {
    const std::uint32_t* list = overflow + (last & ~kMorePatches);
    std::uint32_t i = 1;
    for (std::uint32_t patch = nextOf(list, i, c); patch != kNoPatch; patch = nextOf(list, i, c)) put(patch, lane, w);
  }
};

}  // namespace deltascope::kernels::cuda
