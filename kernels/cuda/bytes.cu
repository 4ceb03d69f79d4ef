// SPDX-License-Identifier: Apache-2.0
// The resident form: made of reconstructed weights, and turned back into them; the base's weights in BF16.
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 128, kWarps = kThreads / kWarp;

[[nodiscard]] __device__ __forceinline__ UnitPlace placeOf(std::uint32_t unit, std::uint32_t columns, std::uint32_t rows,
                                                           unsigned lane) {
  const std::uint32_t rowUnits = columns / kUnitColumns, group = unit / rowUnits;
  UnitPlace at;
  at.row0 = min(group * kUnitRows + (lane >> 2), rows - 1);
  at.row1 = min(group * kUnitRows + (lane >> 2) + 8, rows - 1);
  at.column = (unit - group * rowUnits) * kUnitColumns + (lane & 3) * 8;
  at.unit = unit;
  return at;
}

/// Units [first, end) of a matrix as BF16, rows one after another; `into` is where the row group of the first begins.
template <class Source>
__global__ void __launch_bounds__(kThreads)
    expandKernel(const __grid_constant__ Source source, std::uint32_t columns, std::uint32_t rows, std::uint32_t first,
                 std::uint32_t end, std::uint32_t lastRow, std::byte* into) {
  __shared__ __align__(16) std::uint8_t table[Source::kTableBytes];
  source.loadTable(reinterpret_cast<std::uint32_t*>(table), kThreads);
  __syncthreads();
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t unit = first + blockIdx.x * kWarps + threadIdx.x / kWarp;
  if (unit >= end) return;
  const std::uint32_t rowUnits = columns / kUnitColumns, firstRow = first / rowUnits * kUnitRows;
  const UnitPlace at = placeOf(unit, columns, rows, lane);
  const std::uint32_t row0 = unit / rowUnits * kUnitRows + (lane >> 2), row1 = row0 + 8;
  typename Source::Unit data;
  source.load(data, at, lane);
  source.start(data);
#pragma unroll
  for (unsigned c = 0; c < kUnitChunks; ++c) {
    const ChunkWeights w = source.chunk(data, c, table, lane);
    const std::uint32_t column = at.column + c * kChunkColumns;
    if (row0 < lastRow)
      *reinterpret_cast<uint4*>(into + (std::size_t{row0 - firstRow} * columns + column) * 2) =
          make_uint4(w.upper.pair[0], w.upper.pair[1], w.upper.pair[2], w.upper.pair[3]);
    if (row1 < lastRow)
      *reinterpret_cast<uint4*>(into + (std::size_t{row1 - firstRow} * columns + column) * 2) =
          make_uint4(w.lower.pair[0], w.lower.pair[1], w.lower.pair[2], w.lower.pair[3]);
  }
}

struct ByteTarget {
  uint4* bytes;
  std::uint32_t *records, *overflow, *used;
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

/// A warp a unit. `dense`: the rows [firstRow, …) reconstructed.
__global__ void __launch_bounds__(kThreads)
    toBytesKernel(const __grid_constant__ FourBit base, const __grid_constant__ ByteTarget target, const std::byte* dense,
                  std::uint32_t rows, std::uint32_t firstRow, std::uint32_t firstUnit, std::uint32_t endUnit) {
  __shared__ std::uint32_t lists[kWarps][2048];
  __shared__ std::uint32_t counts[kWarps];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::uint32_t unit = firstUnit + blockIdx.x * kWarps + warp;
  if (unit >= endUnit) return;
  if (lane == 0) counts[warp] = 0;
  __syncwarp();
  const UnitPlace at = placeOf(unit, base.columns, rows, lane);
  FourBit::Unit data;
  base.load(data, at);
  Extras extras;
  for (unsigned c = 0; c < kUnitChunks; ++c) {
    uint2 bytes[2];
    for (unsigned r = 0; r < 2; ++r) {
      const std::uint32_t row = (r == 0 ? at.row0 : at.row1) - firstRow;
      const uint4 w =
          *reinterpret_cast<const uint4*>(dense + (std::size_t{row} * base.columns + at.column + c * kChunkColumns) * 2);
      std::uint32_t patched;
      bytes[r] = encodeEight(w, data.codes[r][c], data.absmax[r][c], target.lo, extras, patched);
      const std::uint32_t pairs[4] = {w.x, w.y, w.z, w.w};
      for (; patched != 0; patched &= patched - 1) {
        const unsigned i = __ffs(static_cast<int>(patched)) - 1;
        const std::uint32_t bits = i & 1 ? pairs[i >> 1] >> 16 : pairs[i >> 1] & 0xffff;
        lists[warp][atomicAdd(&counts[warp], 1u)] = c << 25 | lane << 20 | r << 19 | i << 16 | bits;
      }
    }
    target.bytes[(std::size_t{unit} * kUnitChunks + c) * kWarp + lane] =
        make_uint4(bytes[0].x, bytes[0].y, bytes[1].x, bytes[1].y);
  }
  __syncwarp();
  const std::uint32_t count = counts[warp],
                      inside = count <= ByteSource::kInlinePatches ? count : ByteSource::kInlinePatches - 1;
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
  std::uint32_t* record = target.records + std::size_t{unit} * ByteSource::kRecordWords;
  record[lane] = extras.word;
  if (lane < ByteSource::kInlinePatches) {
    std::uint32_t patch = lane < inside ? lists[warp][lane] : ByteSource::kNoPatch;
    if (count > inside && lane == ByteSource::kInlinePatches - 1) patch = more;
    record[kWarp + lane] = patch;
  }
}

[[nodiscard]] std::uint64_t aligned(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }
[[nodiscard]] unsigned blocksFor(std::uint64_t units) { return static_cast<unsigned>((units + kWarps - 1) / kWarps); }

}  // namespace

ByteForm::ByteForm(std::uint64_t rows, std::uint64_t columns)
    : units((rows + kUnitRows - 1) / kUnitRows * (columns / kUnitColumns)),
      recordsAt(units * kUnitWeights),
      overflowAt(aligned(recordsAt + units * ByteSource::kRecordWords * sizeof(std::uint32_t))),
      mostOverflow(units * 2 + 64),
      bytes(aligned(overflowAt + mostOverflow * sizeof(std::uint32_t))) {}

bool canExpand(const Matrix& m) {
  return m.type == ElementType::BF16 && m.columns % kUnitColumns == 0 && std::has_single_bit(m.group) &&
         m.group >= kChunkColumns;
}

void expandRows(const Machine& machine, const Matrix& m, std::uint64_t firstRow, std::uint64_t rows, void* into) {
  const std::uint64_t rowUnits = m.columns / kUnitColumns, first = firstRow / kUnitRows * rowUnits;
  const std::uint64_t end = (firstRow + rows + kUnitRows - 1) / kUnitRows * rowUnits;
  const auto launch = [&](const auto& source) {
    expandKernel<<<blocksFor(end - first), kThreads, 0, machine.stream>>>(
        source, static_cast<std::uint32_t>(m.columns), static_cast<std::uint32_t>(m.rows), static_cast<std::uint32_t>(first),
        static_cast<std::uint32_t>(end), static_cast<std::uint32_t>(firstRow + rows), static_cast<std::byte*>(into));
  };
  m.form == Matrix::Form::Tiled ? launch(byteSourceOf(m)) : launch(baseSourceOf(m));
}

void toBytes(const Machine& machine, const Matrix& m, const void* dense, std::uint64_t firstRow, std::uint64_t rows,
             const ByteForm& form, void* into, std::uint32_t* used) {
  auto* bytes = static_cast<std::byte*>(into);
  ByteTarget target{reinterpret_cast<uint4*>(bytes),
                    reinterpret_cast<std::uint32_t*>(bytes + form.recordsAt),
                    reinterpret_cast<std::uint32_t*>(bytes + form.overflowAt),
                    used,
                    static_cast<std::uint32_t>(form.mostOverflow),
                    {}};
  std::copy_n(m.tiles.factors.data(), 16, target.lo);
  const std::uint64_t rowUnits = m.columns / kUnitColumns, first = firstRow / kUnitRows * rowUnits;
  const std::uint64_t end = (firstRow + rows + kUnitRows - 1) / kUnitRows * rowUnits;
  toBytesKernel<<<blocksFor(end - first), kThreads, 0, machine.stream>>>(
      fourBitOf(m), target, static_cast<const std::byte*>(dense), static_cast<std::uint32_t>(firstRow + rows),
      static_cast<std::uint32_t>(firstRow), static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end));
}

}  // namespace deltascope::kernels::cuda
