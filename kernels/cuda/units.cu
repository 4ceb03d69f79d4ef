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

struct ByteTarget {
  std::byte* records;
  std::uint32_t *overflow, *used;
  std::uint32_t mostOverflow;
  std::uint32_t lo[16];
};

/// A lane's extras of a unit while they are collected.
struct Extras {
  std::uint32_t word = 0, number = 0;
};

/// Eight weights of one row: their bytes, and a bit for each that must be patched.
__device__ __forceinline__ uint2 encodeEight(const uint4& weights, std::uint32_t codes, std::uint32_t absmax,
                                             const std::uint32_t (&lo)[16], Extras& extras, std::uint32_t& patched) {
  const std::uint32_t absmaxPair = __byte_perm(absmax, 0, 0x3232), pairs[4] = {weights.x, weights.y, weights.z, weights.w};
  std::uint32_t words[2] = {0, 0}, zeros = 0;
  patched = 0;
  for (unsigned k = 0; k < 4; ++k) {
    const std::uint32_t code[2] = {codes >> (8 * k + 4) & 15, codes >> 8 * k & 15};
    const std::uint32_t anchors = multiplyPairs(lo[code[0]] | lo[code[1]] << 16, absmaxPair);
    std::uint32_t carry = 0;
    for (unsigned h = 0; h < 2; ++h) {
      const std::uint32_t anchor = h ? anchors >> 16 : anchors & 0xffff, bits = h ? pairs[k] >> 16 : pairs[k] & 0xffff;
      const std::uint32_t x = (bits - anchor - carry) & 0xffff;
      bool good = x < 256;
      if (code[h] == 7) {
        const bool room = zeros < 4 && extras.number < ByteSource::kExtras;
        if (room) {
          good = (x & 0x7c00) == 0;
          if (good) extras.word |= ByteSource::extraAt(extras.number, x >> 8 & 3, x >> 15);
        }
        if (zeros < 4) ++extras.number;  // as the decoder counts
        ++zeros;
      }
      if (!good) patched |= 1u << (2 * k + h);
      words[k >> 1] |= (good ? x & 255 : 0) << (16 * (k & 1) + 8 * h);
      carry = h == 0 ? ((anchor + (good ? x : 0)) >> 16) : 0;
    }
  }
  return make_uint2(words[0], words[1]);
}

/// Codes and absmax of a unit; `kHalf`: absmax cut to 16 bits.
template <class Source, bool kHalf>
__device__ __forceinline__ void writeBase(const FourBit& base, const UnitPlace& at, std::byte* record, unsigned lane) {
  uint4 words[2];
#pragma unroll
  for (unsigned r = 0; r < 2; ++r) {
    const std::uint32_t row = r == 0 ? at.row0 : at.row1;
    words[r] = make_uint4(base.codesAt(row, at.column), base.codesAt(row, at.column + 32), base.codesAt(row, at.column + 64),
                          base.codesAt(row, at.column + 96));
    *reinterpret_cast<uint4*>(record + r * Source::kLowerAt + lane * 16) = words[r];
  }
  if ((lane & 3) != 0) return;
  const std::uint32_t a = base.absmaxAt(at.row0, at.column), b = base.absmaxAt(at.row0, at.column + 64);
  const std::uint32_t c = base.absmaxAt(at.row1, at.column), d = base.absmaxAt(at.row1, at.column + 64);
  if constexpr (kHalf)
    *reinterpret_cast<uint2*>(record + Source::kScalesAt + (lane >> 2) * 8) =
        make_uint2(__byte_perm(a, b, 0x7632), __byte_perm(c, d, 0x7632));
  else
    *reinterpret_cast<uint4*>(record + Source::kScalesAt + (lane >> 2) * 16) = make_uint4(a, b, c, d);
}

__global__ void __launch_bounds__(kThreads)
    toCodesKernel(const __grid_constant__ FourBit base, std::byte* records, std::uint32_t units) {
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t unit = blockIdx.x * kWarps + threadIdx.x / kWarp;
  if (unit >= units) return;
  writeBase<CodeSource, false>(base, placeOf(unit, base.columns, base.rows, lane),
                               records + std::size_t{unit} * CodeSource::kRecordBytes, lane);
}

/// A warp a unit. `dense`: the rows [firstRow, lastRow) reconstructed.
__global__ void __launch_bounds__(kThreads)
    toBytesKernel(const __grid_constant__ FourBit base, const __grid_constant__ ByteTarget target, const std::byte* dense,
                  std::uint32_t firstRow, std::uint32_t lastRow, std::uint32_t firstUnit, std::uint32_t endUnit) {
  __shared__ std::uint32_t lists[kWarps][kUnitWeights];
  __shared__ std::uint32_t counts[kWarps];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::uint32_t unit = firstUnit + blockIdx.x * kWarps + warp;
  if (unit >= endUnit) return;
  if (lane == 0) counts[warp] = 0;
  __syncwarp();
  std::byte* const record = target.records + std::size_t{unit} * ByteSource::kRecordBytes;
  const UnitPlace at = placeOf(unit, base.columns, lastRow, lane);
  writeBase<ByteSource, true>(base, at, record, lane);
  Extras extras;
  for (unsigned c = 0; c < kUnitChunks; ++c) {
    uint2 bytes[2];
    for (unsigned r = 0; r < 2; ++r) {
      const std::uint32_t row = r == 0 ? at.row0 : at.row1, column = at.column + c * kChunkColumns;
      const uint4 w = *reinterpret_cast<const uint4*>(dense + (std::size_t{row - firstRow} * base.columns + column) * 2);
      std::uint32_t patched;
      bytes[r] = encodeEight(w, base.codesAt(row, column), base.absmaxAt(row, column), target.lo, extras, patched);
      const std::uint32_t pairs[4] = {w.x, w.y, w.z, w.w};
      for (; patched != 0; patched &= patched - 1) {
        const unsigned i = __ffs(static_cast<int>(patched)) - 1;
        const std::uint32_t bits = i & 1 ? pairs[i >> 1] >> 16 : pairs[i >> 1] & 0xffff;
        lists[warp][atomicAdd(&counts[warp], 1u)] = c << 25 | lane << 20 | r << 19 | i << 16 | bits;
      }
    }
    *reinterpret_cast<uint4*>(record + ByteSource::kBytesAt + c * 512 + lane * 16) =
        make_uint4(bytes[0].x, bytes[0].y, bytes[1].x, bytes[1].y);
  }
  __syncwarp();
  const std::uint32_t count = counts[warp];
  const std::uint32_t inside = count <= ByteSource::kInlinePatches ? count : ByteSource::kInlinePatches - 1;
  std::uint32_t more = ByteSource::kNoPatch;
  if (count > inside) {
    std::uint32_t begin = 0;
    if (lane == 0) begin = atomicAdd(target.used, count - inside + 1);
    begin = __shfl_sync(kAllLanes, begin, 0);
    more = ByteSource::kMorePatches | begin;
    if (begin + count - inside + 1 <= target.mostOverflow) {
      if (lane == 0) target.overflow[begin] = count - inside;
      for (std::uint32_t i = lane; i < count - inside; i += kWarp) target.overflow[begin + 1 + i] = lists[warp][inside + i];
    }
  }
  *reinterpret_cast<std::uint32_t*>(record + ByteSource::kExtrasAt + lane * 4) = extras.word;
  if (lane < ByteSource::kInlinePatches) {
    std::uint32_t patch = lane < inside ? lists[warp][lane] : ByteSource::kNoPatch;
    if (count > inside && lane == ByteSource::kInlinePatches - 1) patch = more;
    *reinterpret_cast<std::uint32_t*>(record + ByteSource::kPatchesAt + lane * 4) = patch;
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
      overflowAt(aligned(units * (exact ? ByteSource::kRecordBytes : CodeSource::kRecordBytes))),
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
  m.tiles.code == Tiles::Code::Bytes ? launch(byteSourceOf(m)) : launch(codeSourceOf(m));
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
  ByteTarget target{bytes,
                    reinterpret_cast<std::uint32_t*>(bytes + form.overflowAt),
                    used,
                    static_cast<std::uint32_t>(form.mostOverflow),
                    {}};
  std::copy_n(m.tiles.factors.data(), 16, target.lo);
  const std::uint64_t rowUnits = m.columns / kUnitColumns, first = firstRow / kUnitRows * rowUnits;
  const std::uint64_t end = (firstRow + rows + kUnitRows - 1) / kUnitRows * rowUnits;
  toBytesKernel<<<blocksFor(end - first), kThreads, 0, machine.stream>>>(
      fourBitOf(m), target, static_cast<const std::byte*>(dense), static_cast<std::uint32_t>(firstRow),
      static_cast<std::uint32_t>(firstRow + rows), static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end));
}

}  // namespace deltascope::kernels::cuda
