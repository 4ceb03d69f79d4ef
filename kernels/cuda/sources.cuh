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

/// Both rows of a lane in a unit; rows past the matrix's last are read as the last.
struct UnitPlace {
  std::uint32_t row0, row1;
  std::uint32_t column;  ///< of the lane in the unit's first chunk
  std::uint32_t unit;    ///< row group · units a row + unit in it
};

/// BF16 as they are.
struct DenseSource {
  const std::byte* weights;
  std::uint32_t columns;

  static constexpr std::uint32_t kTableBytes = 0;
  __device__ __forceinline__ void loadTable(std::uint32_t*, unsigned) const {}
  struct Unit {
    uint4 upper[kUnitChunks], lower[kUnitChunks];
  };
  __device__ __forceinline__ void load(Unit& unit, const UnitPlace& at, unsigned) const {
    const auto* upper = reinterpret_cast<const uint4*>(weights + (std::size_t{at.row0} * columns + at.column) * 2);
    const auto* lower = reinterpret_cast<const uint4*>(weights + (std::size_t{at.row1} * columns + at.column) * 2);
#pragma unroll
    for (unsigned c = 0; c < kUnitChunks; ++c) {
      unit.upper[c] = loadOnce(upper + c * 4);
      unit.lower[c] = loadOnce(lower + c * 4);
    }
  }
  __device__ __forceinline__ void start(Unit&) const {}
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint8_t*, unsigned) const {
    const uint4 &a = unit.upper[c], &b = unit.lower[c];
    return {{{a.x, a.y, a.z, a.w}}, {{b.x, b.y, b.z, b.w}}};
  }
};

/// What four-bit forms share.
struct FourBit {
  const std::uint8_t* codes;
  const std::uint32_t* absmax;  ///< FP32 bits
  std::uint32_t columns;
  unsigned groupShift;

  struct Unit {
    std::uint32_t codes[2][kUnitChunks];
    std::uint32_t absmax[2][kUnitChunks];
  };
  __device__ __forceinline__ void load(Unit& unit, const UnitPlace& at) const {
#pragma unroll
    for (unsigned r = 0; r < 2; ++r) {
      const std::size_t first = std::size_t{r == 0 ? at.row0 : at.row1} * columns + at.column;
      const auto* words = reinterpret_cast<const std::uint32_t*>(codes + first / 2);
#pragma unroll
      for (unsigned c = 0; c < kUnitChunks; ++c) unit.codes[r][c] = __ldg(words + c * 4);
      if (groupShift >= 6) {  // two chunks share a scale
        unit.absmax[r][0] = unit.absmax[r][1] = __ldg(absmax + (first >> groupShift));
        unit.absmax[r][2] = unit.absmax[r][3] = __ldg(absmax + ((first + 64) >> groupShift));
      } else {
#pragma unroll
        for (unsigned c = 0; c < kUnitChunks; ++c)
          unit.absmax[r][c] = __ldg(absmax + ((first + c * kChunkColumns) >> groupShift));
      }
    }
  }
};

/// The base alone: round(values[code] · absmax).
struct BaseSource {
  FourBit base;
  float values[16];

  static constexpr std::uint32_t kTableBytes = 64;
  __device__ __forceinline__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    for (unsigned i = threadIdx.x; i < 16; i += threads) shared[i] = __float_as_uint(values[i]);
  }
  using Unit = FourBit::Unit;
  __device__ __forceinline__ void load(Unit& unit, const UnitPlace& at, unsigned) const { base.load(unit, at); }
  __device__ __forceinline__ void start(Unit&) const {}
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint8_t* table, unsigned) const {
    return {pairs(unit.codes[0][c], unit.absmax[0][c], table), pairs(unit.codes[1][c], unit.absmax[1][c], table)};
  }

 private:
  __device__ __forceinline__ static float valueAt(const std::uint8_t* table, std::uint32_t offsets, unsigned k) {
    return *reinterpret_cast<const float*>(table + __byte_perm(offsets, 0, 0x4440 | k));
  }
  __device__ __forceinline__ static Pairs pairs(std::uint32_t codes, std::uint32_t absmax, const std::uint8_t* table) {
    const std::uint32_t even = codes >> 2 & 0x3c3c3c3cu, odd = codes << 2 & 0x3c3c3c3cu;
    const float scale = __uint_as_float(absmax);
    Pairs w;
#pragma unroll
    for (unsigned k = 0; k < 4; ++k)
      w.pair[k] = toPair(__fmul_rn(valueAt(table, even, k), scale), __fmul_rn(valueAt(table, odd, k), scale));
    return w;
  }
};

/// The resident form of a delta over NF4 (bytes.cu makes it). Of each weight the low byte of its difference to the anchor,
/// chunk by chunk in the lanes' order. Weights of the zero bin (code 7) have three bits more: two of the magnitude and the
/// sign. A lane holds them in one word a unit: in the order of its chunks, upper row first, at most four of eight weights. What
/// neither can express is a patch: `chunk << 25 | lane << 20 | lower row << 19 | column << 16 | bits`; eight a unit, the last
/// of which points to a list of more where there are more.
struct ByteSource {
  FourBit base;
  const uint4* bytes;             ///< [units, chunks, 32]: eight bytes of the upper row, eight of the lower
  const std::uint32_t* records;   ///< [units, 32 + 8]: extras, patches
  const std::uint32_t* overflow;  ///< lists: number, patches
  std::uint32_t lo[16];           ///< anchors' factors

  static constexpr std::uint32_t kRecordWords = 40, kInlinePatches = 8;
  static constexpr std::uint32_t kNoPatch = 0xffffffffu, kMorePatches = 0x80000000u;
  static constexpr std::uint32_t kExtras = 10;  ///< that a word holds
  static constexpr std::uint32_t kTableBytes = 1024 + 1024;

  /// First the factors of both codes of a byte, then by mask of zero-bin weights where each takes its extra from.
  __device__ __forceinline__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    for (unsigned i = threadIdx.x; i < 256; i += threads) {
      shared[i] = lo[i >> 4] | lo[i & 15] << 16;
      shared[256 + i] = selectors(i);
    }
  }
  struct Unit {
    FourBit::Unit base;
    uint4 bytes[kUnitChunks];
    std::uint32_t extras, patch;
    std::uint32_t taken0, taken1, taken2;  ///< extras as bytes, those to be taken next first
  };
  __device__ __forceinline__ void load(Unit& unit, const UnitPlace& at, unsigned lane) const {
    base.load(unit.base, at);
#pragma unroll
    for (unsigned c = 0; c < kUnitChunks; ++c)
      unit.bytes[c] = loadOnce(bytes + (std::size_t{at.unit} * kUnitChunks + c) * kWarp + lane);
    const std::uint32_t* record = records + std::size_t{at.unit} * kRecordWords;
    unit.extras = loadOnce(record + lane);
    unit.patch = lane < kInlinePatches ? __ldg(record + kWarp + lane) : kNoPatch;
  }
  /// Ten extras of three bits to ten bytes `sign << 7 | magnitude`.
  __device__ __forceinline__ void start(Unit& unit) const {
    const std::uint32_t w = unit.extras;
    unit.taken0 = w & 0x83838383u;
    unit.taken1 = (w >> 2 & 0x03030303u) | (w << 1 & 0x80808080u);
    unit.taken2 = (w >> 4 & 0x0303u) | (w >> 13 & 0x80u) | (w >> 14 & 0x8000u);
  }
  __device__ __forceinline__ ChunkWeights chunk(Unit& unit, unsigned c, const std::uint8_t* table, unsigned lane) const {
    ChunkWeights w;
    w.upper = pairs(unit, unit.base.codes[0][c], unit.base.absmax[0][c], unit.bytes[c].x, unit.bytes[c].y, table);
    w.lower = pairs(unit, unit.base.codes[1][c], unit.base.absmax[1][c], unit.bytes[c].z, unit.bytes[c].w, table);
    for (unsigned hits = __ballot_sync(kAllLanes, unit.patch >> 25 == c); hits != 0; hits &= hits - 1)
      put(__shfl_sync(kAllLanes, unit.patch, __ffs(static_cast<int>(hits)) - 1), lane, w);
    const std::uint32_t last = __shfl_sync(kAllLanes, unit.patch, kInlinePatches - 1);
    if (last != kNoPatch && (last & kMorePatches)) {
      const std::uint32_t* list = overflow + (last & ~kMorePatches);
      for (std::uint32_t i = 1; i <= list[0]; ++i)
        if (list[i] >> 25 == c) put(list[i], lane, w);
    }
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
  __device__ __forceinline__ static Pairs pairs(Unit& unit, std::uint32_t codes, std::uint32_t absmax, std::uint32_t low0,
                                                std::uint32_t low1, const std::uint8_t* table) {
    const std::uint32_t mask = zeroMask(codes), select = tableAt(table, 1024 + 4 * mask);
    const std::uint32_t high0 = __byte_perm(unit.taken0, 0, select), high1 = __byte_perm(unit.taken0, 0, select >> 16);
    const std::uint32_t bits = 8 * min(__popc(mask), 4);
    unit.taken0 = __funnelshift_rc(unit.taken0, unit.taken1, bits);
    unit.taken1 = __funnelshift_rc(unit.taken1, unit.taken2, bits);
    unit.taken2 = bits < 32 ? unit.taken2 >> bits : 0;
    const std::uint32_t absmaxPair = __byte_perm(absmax, 0, 0x3232);
    const auto anchors = [&](int k) {
      return multiplyPairs(tableAt(table, (k == 0 ? codes << 2 : codes >> (8 * k - 2)) & 0x3fc), absmaxPair);
    };
    return {{anchors(0) + __byte_perm(low0, high0, 0x5140), anchors(1) + __byte_perm(low0, high0, 0x7362),
             anchors(2) + __byte_perm(low1, high1, 0x5140), anchors(3) + __byte_perm(low1, high1, 0x7362)}};
  }
  __device__ __forceinline__ static void put(std::uint32_t patch, unsigned lane, ChunkWeights& w) {
    const std::uint32_t bits = __byte_perm(patch, 0, 0x1010), half = patch >> 16 & 1 ? 0xffff0000u : 0xffffu;
    const bool own = (patch >> 20 & 31) == lane;
    const std::uint32_t k = patch >> 17 & 3, lower = patch >> 19 & 1;
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {  // masks, so that the weights stay in registers
      const std::uint32_t mask = own && k == i ? half : 0, upperMask = lower ? 0 : mask, lowerMask = lower ? mask : 0;
      w.upper.pair[i] = (w.upper.pair[i] & ~upperMask) | (bits & upperMask);
      w.lower.pair[i] = (w.lower.pair[i] & ~lowerMask) | (bits & lowerMask);
    }
  }
};

}  // namespace deltascope::kernels::cuda
