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

  static constexpr bool kWideTable = false, kCompiled = true;
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
  static constexpr bool kWideTable = false, kCompiled = true;
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

}  // namespace deltascope::kernels::cuda
