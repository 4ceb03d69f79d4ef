// SPDX-License-Identifier: Apache-2.0
// Weights in units (sources.cuh): made of what is stored, and turned back into rows of BF16.
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 128, kWarps = kThreads / kWarp;

/// Where a lane's rows and columns of a unit are; rows past the last are the last.
struct UnitPlace {
  std::uint32_t row0, row1, column;
};
[[nodiscard]] __device__ __forceinline__ UnitPlace placeOf(std::uint32_t unit, std::uint32_t columns, std::uint32_t rows,
                                                           unsigned lane) {
  const std::uint32_t rowUnits = columns / kUnitColumns, row = unit / rowUnits * kUnitRows + (lane >> 2);
  return {min(row, rows - 1), min(row + 8, rows - 1), unit % rowUnits * kUnitColumns + (lane & 3) * 8};
}

/// A four-bit weight as its base stores it.
struct FourBit {
  const std::uint8_t* codes;
  const std::uint32_t* absmax;  ///< FP32 bits
  std::uint32_t columns, rows;
  unsigned groupShift;

  __device__ __forceinline__ std::uint32_t codesAt(std::uint32_t row, std::uint32_t column) const {
    return __ldg(reinterpret_cast<const std::uint32_t*>(codes + (std::size_t{row} * columns + column) / 2));
  }
  __device__ __forceinline__ std::uint32_t absmaxAt(std::uint32_t row, std::uint32_t column) const {
    return __ldg(absmax + ((std::size_t{row} * columns + column) >> groupShift));
  }
};

/// Units [first, end) as BF16, rows one after another; `into` is where the row group of the first begins.
template <class Source>
__global__ void __launch_bounds__(kThreads)
    expandKernel(const __grid_constant__ Source source, std::uint32_t columns, std::uint32_t first, std::uint32_t end,
                 std::uint32_t lastRow, std::byte* into) {
  __shared__ std::uint32_t table[Source::kTableWords];
  source.loadTable(table, kThreads);
  __syncthreads();
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t unit = first + blockIdx.x * kWarps + threadIdx.x / kWarp;
  if (unit >= end) return;
  const std::uint32_t rowUnits = columns / kUnitColumns, firstRow = first / rowUnits * kUnitRows;
  const std::uint32_t row0 = unit / rowUnits * kUnitRows + (lane >> 2), row1 = row0 + 8;
  const auto cursor = source.seek(unit / rowUnits, unit % rowUnits, rowUnits, lane);
  typename Source::Unit data;
  Source::load(data, cursor);
  source.start(data);
#pragma unroll
  for (unsigned c = 0; c < kUnitChunks; ++c) {
    const ChunkWeights w = source.chunk(data, c, table, lane);
    const std::uint32_t column = unit % rowUnits * kUnitColumns + (lane & 3) * 8 + c * kChunkColumns;
    if (row0 < lastRow)
      *reinterpret_cast<uint4*>(into + (std::size_t{row0 - firstRow} * columns + column) * 2) =
          make_uint4(w.upper.pair[0], w.upper.pair[1], w.upper.pair[2], w.upper.pair[3]);
    if (row1 < lastRow)
      *reinterpret_cast<uint4*>(into + (std::size_t{row1 - firstRow} * columns + column) * 2) =
          make_uint4(w.lower.pair[0], w.lower.pair[1], w.lower.pair[2], w.lower.pair[3]);
  }
}

/// Steps [0, count) of 256 weights of a four-bit weight as BF16: eight weights a lane.
__global__ void __launch_bounds__(256)
    dequantizeKernel(const std::uint32_t* codes, const std::uint32_t* absmax, unsigned shift, std::uint64_t firstEight,
                     std::uint64_t eights, uint4* into, const __grid_constant__ CodeSource values) {
  __shared__ std::uint32_t table[16];
  values.loadTable(table, 256);
  __syncthreads();
  constexpr unsigned kEach = 4;
  const std::uint64_t at = static_cast<std::uint64_t>(blockIdx.x) * 256 * kEach + threadIdx.x;
  std::uint32_t words[kEach], scales[kEach];
#pragma unroll
  for (unsigned i = 0; i < kEach; ++i)
    if (at + i * 256 < eights) {
      words[i] = loadOnce(codes + firstEight + at + i * 256);
      scales[i] = __ldg(absmax + ((firstEight + at + i * 256) * 8 >> shift));
    }
#pragma unroll
  for (unsigned i = 0; i < kEach; ++i)
    if (at + i * 256 < eights) {
      const Pairs w = CodeSource::pairs(words[i], scales[i], table);
      into[at + i * 256] = make_uint4(w.pair[0], w.pair[1], w.pair[2], w.pair[3]);
    }
}

__global__ void __launch_bounds__(kThreads)
    toCodesKernel(const __grid_constant__ FourBit base, std::byte* records, std::uint32_t units) {
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t unit = blockIdx.x * kWarps + threadIdx.x / kWarp;
  if (unit >= units) return;
  const UnitPlace at = placeOf(unit, base.columns, base.rows, lane);
  std::byte* const record = records + std::size_t{unit} * CodeSource::kRecordBytes;
#pragma unroll
  for (unsigned r = 0; r < 2; ++r) {
    const std::uint32_t row = r == 0 ? at.row0 : at.row1;
    *reinterpret_cast<uint4*>(record + r * CodeSource::kLowerAt + lane * 16) =
        make_uint4(base.codesAt(row, at.column), base.codesAt(row, at.column + 32), base.codesAt(row, at.column + 64),
                   base.codesAt(row, at.column + 96));
  }
  if ((lane & 3) == 0)
    *reinterpret_cast<uint4*>(record + CodeSource::kScalesAt + (lane >> 2) * 16) =
        make_uint4(base.absmaxAt(at.row0, at.column), base.absmaxAt(at.row0, at.column + 64), base.absmaxAt(at.row1, at.column),
                   base.absmaxAt(at.row1, at.column + 64));
}

using Exact = PairSource<false>;

struct ExactTarget {
  std::byte* records;
  std::uint32_t *overflow, *used;
  std::uint32_t mostOverflow;
  std::uint32_t lo[16];
};

/// A lane's extras of a unit while they are collected.
struct Extras {
  std::uint32_t word = 0, number = 0, signs = 0;

  /// Takes what fits of the upper byte of the zero bin's next difference; returns what the decoder will give.
  __device__ __forceinline__ std::uint32_t add(std::uint32_t i, std::uint32_t high) {
    if (i >= Exact::kExtras) return 0;
    const std::uint32_t magnitude = high & 3, sign = high >> 7;
    signs |= sign << i;
    word |= Exact::extraAt(i, magnitude, sign);
    return high & 0x83;
  }
};

/// Eight weights of one row: the low bytes of their differences. Calls patch(n, bits) for the weight of nibble n whose upper
/// byte must be changed by `bits`.
template <class Patch>
__device__ __forceinline__ uint2 encodeEight(const uint4& weights, std::uint32_t codes, std::uint32_t absmax,
                                             const std::uint32_t (&lo)[16], Extras& extras, Patch&& patch) {
  const std::uint32_t pairs[4] = {weights.x, weights.y, weights.z, weights.w};
  std::uint32_t difference[8], carry = 0;
#pragma unroll
  for (unsigned i = 0; i < 8; ++i) {
    const std::uint32_t bits = i & 1 ? pairs[i >> 1] >> 16 : pairs[i >> 1] & 0xffff;
    const std::uint32_t anchor = lo[codes >> 4 * (i ^ 1) & 15] + absmax + carry;
    difference[i] = (bits - anchor) & 0xffff;
    carry = i & 1 ? 0 : (anchor + difference[i]) >> 16;
  }
  std::uint32_t words[2] = {0, 0}, zeros = 0;
#pragma unroll
  for (unsigned i = 0; i < 8; ++i) words[i / 4] |= (difference[i] & 255) << 8 * (i & 3);
#pragma unroll
  for (unsigned n = 0; n < 8; ++n) {
    const std::uint32_t high = difference[n ^ 1] >> 8;
    std::uint32_t given = 0;
    if ((codes >> 4 * n & 15) == Exact::kZeroCode) {
      if (zeros < 4) given = extras.add(extras.number + zeros, high);
      ++zeros;
    } else if (zeros >= 4) {
      given = extras.signs >> (extras.number + zeros - 4) & 1 ? 0xff : 0;
    }
    if (high != given) patch(n, high ^ given);
  }
  extras.number += min(zeros, 4u);
  return make_uint2(words[0], words[1]);
}

/// A warp a unit. `dense`: the rows [firstRow, lastRow) reconstructed.
__global__ void __launch_bounds__(kThreads)
    toExactKernel(const __grid_constant__ FourBit base, const __grid_constant__ ExactTarget target, const std::byte* dense,
                  std::uint32_t firstRow, std::uint32_t lastRow, std::uint32_t firstUnit, std::uint32_t endUnit) {
  __shared__ std::uint32_t lists[kWarps][kUnitWeights];
  __shared__ std::uint32_t counts[kWarps];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::uint32_t unit = firstUnit + blockIdx.x * kWarps + warp;
  if (unit >= endUnit) return;
  if (lane == 0) counts[warp] = 0;
  __syncwarp();
  std::byte* const record = target.records + std::size_t{unit} * Exact::kRecordBytes;
  const UnitPlace at = placeOf(unit, base.columns, lastRow, lane);
  Extras extras;
  for (unsigned c = 0; c < kUnitChunks; ++c) {
    uint2 bytes[2];
    for (unsigned r = 0; r < 2; ++r) {
      const std::uint32_t row = r == 0 ? at.row0 : at.row1, column = at.column + c * kChunkColumns;
      const uint4 weights = *reinterpret_cast<const uint4*>(dense + (std::size_t{row - firstRow} * base.columns + column) * 2);
      const std::uint32_t codes = base.codesAt(row, column), absmax = base.absmaxAt(row, column) >> 16;
      reinterpret_cast<std::uint32_t*>(record + r * Exact::kLowerAt)[lane * 4 + c] = codes ^ Exact::kZeroCode * 0x11111111u;
      if ((lane & 3) == 0)
        reinterpret_cast<std::uint16_t*>(record + Exact::kScalesAt)[(lane >> 2) * 4 + 2 * r + c / 2] =
            static_cast<std::uint16_t>(absmax);
      bytes[r] = encodeEight(weights, codes, absmax, target.lo, extras, [&](unsigned n, std::uint32_t bits) {
        lists[warp][atomicAdd(&counts[warp], 1u)] = Exact::patchOf(c, lane, 2 * r + n / 4, n & 3, bits);
      });
    }
    *reinterpret_cast<uint4*>(record + Exact::kBytesAt + c * 512 + lane * 16) =
        make_uint4(bytes[0].x, bytes[0].y, bytes[1].x, bytes[1].y);
  }
  __syncwarp();
  const std::uint32_t count = counts[warp];
  const std::uint32_t inside = count <= Exact::kInlinePatches ? count : Exact::kInlinePatches - 1;
  std::uint32_t more = Exact::kNoPatch;
  if (count > inside) {
    std::uint32_t begin = 0;
    if (lane == 0) begin = atomicAdd(target.used, count - inside + 1);
    begin = __shfl_sync(kAllLanes, begin, 0);
    more = Exact::kMorePatches | begin;
    if (begin + count - inside + 1 <= target.mostOverflow) {
      if (lane == 0) target.overflow[begin] = count - inside;
      for (std::uint32_t i = lane; i < count - inside; i += kWarp) target.overflow[begin + 1 + i] = lists[warp][inside + i];
    }
  }
  reinterpret_cast<std::uint32_t*>(record + Exact::kExtrasAt)[lane] = extras.word;
  if (lane < Exact::kInlinePatches) {
    std::uint32_t patch = lane < inside ? lists[warp][lane] : Exact::kNoPatch;
    if (count > inside && lane == Exact::kInlinePatches - 1) patch = more;
    reinterpret_cast<std::uint32_t*>(record + Exact::kPatchesAt)[lane] = patch;
  }
}

[[nodiscard]] std::uint64_t aligned(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }
[[nodiscard]] unsigned blocksFor(std::uint64_t units) { return static_cast<unsigned>((units + kWarps - 1) / kWarps); }
[[nodiscard]] FourBit fourBitOf(const Matrix& m) {
  return {m.codes, reinterpret_cast<const std::uint32_t*>(m.scales), static_cast<std::uint32_t>(m.columns),
          static_cast<std::uint32_t>(m.rows), static_cast<unsigned>(std::countr_zero(m.group))};
}

}  // namespace

UnitForm::UnitForm(std::uint64_t rows, std::uint64_t columns, bool exact)
    : units((rows + kUnitRows - 1) / kUnitRows * (columns / kUnitColumns)),
      overflowAt(aligned(units * (exact ? Exact::kRecordBytes : CodeSource::kRecordBytes))),
      mostOverflow(exact ? units * 2 + 64 : 0),
      bytes(overflowAt + aligned(mostOverflow * sizeof(std::uint32_t))) {}

bool hasUnits(const Matrix& m) {
  return m.type == ElementType::BF16 && m.columns > 0 && m.columns % kUnitColumns == 0 && std::has_single_bit(m.group) &&
         m.group >= 64 && m.rows < (std::uint64_t{1} << 31);
}

void expandRows(const Machine& machine, const Matrix& m, std::uint64_t firstRow, std::uint64_t rows, void* into) {
  const std::uint64_t rowUnits = m.columns / kUnitColumns, first = firstRow / kUnitRows * rowUnits;
  const std::uint64_t end = (firstRow + rows + kUnitRows - 1) / kUnitRows * rowUnits;
  const auto launch = [&](const auto& source) {
    expandKernel<<<blocksFor(end - first), kThreads, 0, machine.stream>>>(
        source, static_cast<std::uint32_t>(m.columns), static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end),
        static_cast<std::uint32_t>(firstRow + rows), static_cast<std::byte*>(into));
  };
  m.tiles.code == Tiles::Code::Bytes ? launch(pairSourceOf<false>(m)) : launch(codeSourceOf(m));
}

void dequantizeSteps(const Machine& machine, const Matrix& m, std::uint64_t first, std::uint64_t count, void* into) {
  const std::uint64_t eights = count / 8;
  if (eights == 0) return;
  dequantizeKernel<<<static_cast<unsigned>((eights + 1023) / 1024), 256, 0, machine.stream>>>(
      reinterpret_cast<const std::uint32_t*>(m.codes), reinterpret_cast<const std::uint32_t*>(m.scales),
      static_cast<unsigned>(std::countr_zero(m.group)), first / 8, eights, static_cast<uint4*>(into), codeSourceOf(m));
}

void toCodes(const Machine& machine, const Matrix& fourBit, void* into) {
  const UnitForm form(fourBit.rows, fourBit.columns, false);
  toCodesKernel<<<blocksFor(form.units), kThreads, 0, machine.stream>>>(fourBitOf(fourBit), static_cast<std::byte*>(into),
                                                                        static_cast<std::uint32_t>(form.units));
}

void toBytes(const Machine& machine, const Matrix& m, const void* dense, std::uint64_t firstRow, std::uint64_t rows,
             const UnitForm& form, void* into, std::uint32_t* used) {
  auto* bytes = static_cast<std::byte*>(into);
  ExactTarget target{bytes,
                     reinterpret_cast<std::uint32_t*>(bytes + form.overflowAt),
                     used,
                     static_cast<std::uint32_t>(form.mostOverflow),
                     {}};
  std::ranges::copy(pairFactors(m.values), target.lo);
  const std::uint64_t rowUnits = m.columns / kUnitColumns, first = firstRow / kUnitRows * rowUnits;
  const std::uint64_t end = (firstRow + rows + kUnitRows - 1) / kUnitRows * rowUnits;
  toExactKernel<<<blocksFor(end - first), kThreads, 0, machine.stream>>>(
      fourBitOf(m), target, static_cast<const std::byte*>(dense), static_cast<std::uint32_t>(firstRow),
      static_cast<std::uint32_t>(firstRow + rows), static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end));
}

}  // namespace deltascope::kernels::cuda
