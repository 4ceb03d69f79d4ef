// SPDX-License-Identifier: Apache-2.0
#pragma once
/// y = W · x for one token, W read once in whatever form it has. One block a multiprocessor; a block owns whole rows, its warps
/// take units of them in turn, and the sums of a row's units are added in ascending order at the end. So a row has the same
/// bits whatever the form of its weights and the number of blocks: what belongs to a sum follows from the weight's place alone.
#include "kernels/cuda/sources.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kMostMatrices = 3;
inline constexpr unsigned kProductThreads = 768;

template <class Source>
struct ProductPart {
  Source source;
  float* y;
  const void* bias;
  std::uint32_t rows;
};

template <class Source>
struct ProductArgs {
  ProductPart<Source> part[kMostMatrices];
  const float* x;
  std::uint32_t parts;     ///< matrices of as many columns
  std::uint32_t rowSteps;  ///< columns / 256
  std::uint32_t align;     ///< blocks begin at multiples of this row: tile sources begin at tiles
  std::uint32_t biasType;  ///< an ElementType
  std::uint32_t slotBytes;
  std::uint32_t mostSums;  ///< of a block, for all its rows
  bool accumulate;
  bool gated;  ///< two parts: y = silu(first) · second, to the first's y
};

/// Units that a row's columns can touch.
[[nodiscard]] __host__ __device__ inline std::uint32_t sumsOfRow(std::uint32_t rowSteps) {
  return rowSteps % kUnitSteps == 0 ? rowSteps / kUnitSteps : rowSteps / kUnitSteps + 2;
}

/// Rows of a part that a block owns.
struct RowRange {
  std::uint32_t begin, end;
};
[[nodiscard]] __host__ __device__ inline RowRange rowsOfBlock(std::uint32_t rows, std::uint32_t align, std::uint32_t block,
                                                              std::uint32_t blocks) {
  const std::uint32_t groups = (rows + align - 1) / align;
  const auto edge = [&](std::uint32_t b) {
    const std::uint64_t row = static_cast<std::uint64_t>(groups) * b / blocks * align;
    return row < rows ? static_cast<std::uint32_t>(row) : rows;
  };
  return {edge(block), edge(block + 1)};
}

/// Shared memory of a block, in bytes: x, sums, the source's tables, a slot a warp.
template <class Source, int kParts>
[[nodiscard]] inline std::uint32_t sharedBytes(std::uint32_t columns, std::uint32_t sums, std::uint32_t slotBytes,
                                               unsigned warps) {
  return kParts * columns * 2 + ((sums * 4 + 15) & ~15u) + Source::kTableBytes + slotBytes * warps;
}

namespace detail {

__device__ __forceinline__ float elementAt(const void* p, std::uint32_t type, std::uint32_t i) {
  if (type == 0) return static_cast<const float*>(p)[i];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(p)[i];
  if (type == 1) return __uint_as_float(static_cast<std::uint32_t>(bits) << 16);
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

/// x in parts: eight columns of part p at [p · columns/8 + column/8].
template <int kParts>
__device__ __forceinline__ void stageX(const float* x, std::uint32_t eights, uint4* into) {
  for (std::uint32_t i = threadIdx.x; i < eights; i += blockDim.x) {
    const float4 a = reinterpret_cast<const float4*>(x)[2 * i], b = reinterpret_cast<const float4*>(x)[2 * i + 1];
    std::uint32_t w0[kParts], w1[kParts], w2[kParts], w3[kParts];
    splitPair<kParts>(a.x, a.y, w0);
    splitPair<kParts>(a.z, a.w, w1);
    splitPair<kParts>(b.x, b.y, w2);
    splitPair<kParts>(b.z, b.w, w3);
#pragma unroll
    for (int p = 0; p < kParts; ++p) into[p * eights + i] = make_uint4(w0[p], w1[p], w2[p], w3[p]);
  }
}

/// Where a warp is: its row and step in it, and where the row's sums go.
template <int kParts>
struct Cursor {
  const uint4* x;
  std::uint32_t eights, rowSteps, most;
  float* sums;                               ///< of the block's first row of this part
  std::uint32_t row, column, unit, rowUnit;  ///< row: from the block's first; rowUnit: the first unit of the row
  unsigned lane;
  DotProduct<kParts> dot;

  __device__ __forceinline__ void begin(std::uint32_t step, std::uint32_t firstRow) {
    const std::uint32_t r = step / rowSteps;
    row = r - firstRow;
    column = step - r * rowSteps;
    unit = step / kUnitSteps;
    rowUnit = r * rowSteps / kUnitSteps;
  }
  __device__ __forceinline__ void add(const Pairs& w) {
    StepOfX<kParts> part;
#pragma unroll
    for (int p = 0; p < kParts; ++p) part.part[p] = x[p * eights + column * kWarp + lane];
    dot.add(part, w);
  }
  __device__ __forceinline__ void flush() {
    const float sum = dot.finish(lane);
    if (lane == 0) sums[row * most + unit - rowUnit] = sum;
  }
  /// After a step; `last` of its unit, or of all.
  __device__ __forceinline__ void next(std::uint32_t stepAfter, bool last) {
    ++column;
    if (column == rowSteps) {
      flush();
      column = 0;
      ++row;
      rowUnit = stepAfter / kUnitSteps;
    } else if (last) {
      flush();
    }
  }
};

template <class Source, int kParts, unsigned s>
__device__ __forceinline__ void unitSteps(const Source& source, typename Source::Unit& unit, const std::uint8_t* table,
                                          std::uint32_t step, unsigned skip, unsigned end, Cursor<kParts>& cursor) {
  if constexpr (s < kUnitSteps) {
    if (s >= skip && s < end) {
      cursor.add(source.template weightsOf<s>(unit, table, cursor.lane, 0));
      cursor.next(step + s + 1, s + 1 == end);
    }
    unitSteps<Source, kParts, s + 1>(source, unit, table, step, skip, end, cursor);
  }
}

/// Linear sources: steps [begin, end) of one unit. A unit that begins before the block's rows is read from its start, since
/// what a step takes can follow from the steps before it.
template <class Source, int kParts>
__device__ __forceinline__ void linearUnit(const Source& source, const std::uint8_t* table, std::uint32_t begin,
                                           std::uint32_t end, Cursor<kParts>& cursor) {
  const std::uint32_t first = begin / kUnitSteps * kUnitSteps;
  auto unit = source.load(first, end - first, cursor.lane);
  if constexpr (requires { unit.extras; }) {
    for (std::uint32_t s = first; s < begin; ++s) {  // only where rows do not begin at units
      std::uint32_t codes = 0, even, odd;
#pragma unroll
      for (unsigned i = 0; i < kUnitSteps; ++i)
        if (first + i == s) codes = unit.codes[i];
      Source::spread(codes, unit.extras, even, odd);
    }
  }
  unitSteps<Source, kParts, 0>(source, unit, table, first, begin - first, end - first, cursor);
}

/// Copies a tile to the warp's slot; a raw one stays where it is.
__device__ __forceinline__ void stageTile(std::uint32_t slot, const std::byte* tile, std::uint32_t bytes, unsigned lane) {
  for (std::uint32_t at = lane * 16; at < bytes; at += kWarp * 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(slot + at), "l"(tile + at) : "memory");
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncwarp();
}

/// Calls `use(step in the tile, weights)` for `steps` steps of a tile.
template <class Reader, class Use>
__device__ __forceinline__ void readTile(const TileSource<Reader>& source, const std::uint8_t* table, std::uint32_t slot,
                                         std::uint32_t slotBytes, std::uint32_t tile, std::uint32_t steps, unsigned lane,
                                         Use&& use) {
  const std::uint32_t from = __ldg(source.offsets + tile), to = __ldg(source.offsets + tile + 1) & ~kRawTile;
  const std::uint32_t step0 = tile * kTileSteps;
  const std::byte* bytes = source.stream + std::size_t{from & ~kRawTile} * 16;
  if (from & kRawTile) {
    for (std::uint32_t s = 0; s < steps; ++s) {
      const uint4 w = loadOnce(reinterpret_cast<const uint4*>(bytes) + s * kWarp + lane);
      use(s, Pairs{{w.x, w.y, w.z, w.w}});
    }
    return;
  }
  constexpr std::uint32_t kAhead = 4;
  std::uint32_t nextCodes[kAhead], nextAbsmax[kAhead];
  const auto load = [&](std::uint32_t s) {
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i)
      if (s + i < steps) {
        nextCodes[i] = source.base.codesAt(step0 + s + i, lane);
        nextAbsmax[i] = source.base.absmaxAt(step0 + s + i, lane);
      } else {
        nextCodes[i] = nextAbsmax[i] = 0;
      }
  };
  load(0);
  const std::uint32_t size = min((to - (from & ~kRawTile)) * 16, slotBytes - kSlotSlack);
  stageTile(slot, bytes, size, lane);
  Reader reader;
  SharedPatches patches;
  reader.start(slot, size, lane, patches);
#pragma unroll 1
  for (std::uint32_t s = 0; s < steps; s += kAhead) {
    std::uint32_t codes[kAhead], absmax[kAhead];
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i) {
      codes[i] = nextCodes[i];
      absmax[i] = nextAbsmax[i];
    }
    load(s + kAhead);
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i) {
      if (s + i < steps) {
        if constexpr (std::is_same_v<Reader, FieldReader>) {
          if (i % 2 == 0)
            reader.startStep(codes[i], codes[i | 1], table, lane);
          else
            reader.nextStep();
        }
        Pairs w = reader.step(codes[i], absmax[i], __byte_perm(absmax[i], 0, 0x3232), table, source.constants);
        patches.apply(s + i, lane, w);
        use(s + i, w);
      }
    }
  }
  __syncwarp();  // the slot is free for the next tile
}

}  // namespace detail

template <class Source, int kParts>
__global__ void __launch_bounds__(kProductThreads, 1) productKernel(const __grid_constant__ ProductArgs<Source> args) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  const std::uint32_t eights = args.rowSteps * kWarp, most = sumsOfRow(args.rowSteps);
  auto* x = reinterpret_cast<uint4*>(shared);
  auto* sums = reinterpret_cast<float*>(x + kParts * eights);
  std::uint8_t* table = reinterpret_cast<std::uint8_t*>(sums) + ((args.mostSums * 4 + 15) & ~15u);
  args.part[0].source.loadTable(reinterpret_cast<std::uint32_t*>(table), blockDim.x);
  detail::stageX<kParts>(args.x, eights, x);
  __syncthreads();

  constexpr bool kTiles = requires { typename Source::Reader; };
  constexpr std::uint32_t kUnit = kTiles ? kTileSteps : kUnitSteps;
  std::uint32_t taken = warp, rowsBefore = 0;
  detail::Cursor<kParts> cursor{x, eights, args.rowSteps, most, sums};
  cursor.lane = lane;
  for (std::uint32_t m = 0; m < args.parts; ++m) {
    const auto& part = args.part[m];
    const RowRange rows = rowsOfBlock(part.rows, args.align, blockIdx.x, gridDim.x);
    const std::uint32_t first = rows.begin * args.rowSteps, last = rows.end * args.rowSteps;
    const std::uint32_t unit0 = first / kUnit, units = last > first ? (last + kUnit - 1) / kUnit - unit0 : 0;
    cursor.sums = sums + rowsBefore * most;
    for (; taken < units; taken += warps) {
      const std::uint32_t unit = unit0 + taken;
      const std::uint32_t begin = max(unit * kUnit, first), end = min((unit + 1) * kUnit, last);
      cursor.begin(begin, rows.begin);
      if constexpr (kTiles) {
        const std::uint32_t slot = sharedAddress(table + Source::kTableBytes) + warp * args.slotBytes;
        detail::readTile(part.source, table, slot, args.slotBytes, unit, end - begin, lane,
                         [&](std::uint32_t s, const Pairs& w) {
                           cursor.add(w);
                           const std::uint32_t after = begin + s + 1;
                           cursor.next(after, after == end || after % kUnitSteps == 0);
                           if (after % kUnitSteps == 0) cursor.unit = after / kUnitSteps;
                         });
      } else {
        detail::linearUnit<Source, kParts>(part.source, table, begin, end, cursor);
      }
    }
    taken -= units;
    rowsBefore += rows.end - rows.begin;
  }
  __syncthreads();

  const auto total = [&](const ProductPart<Source>& part, std::uint32_t row, std::uint32_t slot) {
    const std::uint32_t begin = row * args.rowSteps / kUnitSteps;
    const std::uint32_t end = ((row + 1) * args.rowSteps - 1) / kUnitSteps;
    float sum = 0;
    for (std::uint32_t u = 0; u <= end - begin; ++u) sum += sums[slot * most + u];
    if (part.bias) sum += detail::elementAt(part.bias, args.biasType, row);
    return sum;
  };
  std::uint32_t slot0 = 0;
  for (std::uint32_t m = 0; m < (args.gated ? 1 : args.parts); ++m) {
    const auto& part = args.part[m];
    const RowRange rows = rowsOfBlock(part.rows, args.align, blockIdx.x, gridDim.x);
    const std::uint32_t count = rows.end - rows.begin;
    for (std::uint32_t i = threadIdx.x; i < count; i += blockDim.x) {
      const std::uint32_t row = rows.begin + i;
      float y = total(part, row, slot0 + i);
      if (args.gated) {
        const float up = total(args.part[1], row, slot0 + count + i);
        y = __fmul_rn(__fdiv_rn(y, __fadd_rn(1.0f, expf(-y))), up);
      }
      if (args.accumulate) y += part.y[row];
      part.y[row] = y;
    }
    slot0 += count;
  }
}

}  // namespace deltascope::kernels::cuda
