// SPDX-License-Identifier: Apache-2.0
#pragma once
/// y = W · x for one to eight tokens, W read once in whatever form it has. A block owns groups of 16 rows; its sixteen warps
/// share the columns of each, and the warps' sums are added in ascending order at the end. x enters as up to three BF16 parts
/// (product_x.cuh), which are columns of the tensor cores' second operand: W stays a BF16 operand, and x loses nothing.
///
/// x of several tokens may need more shared memory than a block has. Then the sixteen column slices are shared out to the
/// blocks of a cluster, each of which holds x of its own slices and works at as many row groups at once as there are blocks;
/// sums are read from the other blocks' shared memory.
///
/// Level: shape. What belongs to a sum, and in which order, follows from the number of columns alone. So a row of a token has
/// the same bits whatever the form of the weights, the numbers of blocks, of clusters and of tokens, and the rows that are done
/// together. prompt.cu adds in the same order.
#include "kernels/cuda/dependent.cuh"
#include "kernels/cuda/gates.cuh"
#include "kernels/cuda/product_x.cuh"
#include "kernels/cuda/sources.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kMostMatrices = 3;
/// Shared memory that a block has before its dynamic part, on Hopper.
inline constexpr std::uint32_t kReserved = 1024;

template <class Source>
struct ProductPart {
  Source source;
  float* y;  ///< [tokens][stride]
  const void* bias;
  std::uint64_t stride;  ///< floats
  std::uint32_t rows, groups;
};

template <class Source>
struct ProductArgs {
  ProductPart<Source> part[kMostMatrices];
  XArgs x;
  std::uint32_t parts;   ///< matrices of as many columns, a multiple of 128
  std::uint32_t groups;  ///< of all parts; of the first where gated
  std::uint32_t batch;   ///< row groups whose sums shared memory holds; more are done one batch after another
  std::uint32_t sumsAt;  ///< in shared memory
  std::uint32_t shift;   ///< 1 << shift blocks are a cluster; 0 before Hopper
  ElementType biasType;
  bool accumulate;
  bool gated;  ///< two parts: y = silu(first) · second, to the first's y
};

/// Column units that belong to slices before `slice`, of sixteen.
[[nodiscard]] __host__ __device__ constexpr std::uint32_t sliceBegin(std::uint32_t rowUnits, std::uint32_t slice) {
  return rowUnits * slice / kProductWarps;
}

/// Where a row group lies, of a launch's matrices: of a gated product they come in twos, the gate's rows, then the same rows of
/// the other.
struct GroupPlace {
  std::uint32_t part, group;
};
template <class Args>
[[nodiscard]] __device__ __forceinline__ GroupPlace placeOf(const Args& args, std::uint32_t number) {
  if (args.gated) return {number & 1, number >> 1};
  GroupPlace place{0, number};
  while (place.part + 1 < args.parts && place.group >= args.part[place.part].groups)
    place.group -= args.part[place.part++].groups;
  return place;
}

namespace detail {

/// A value that stays in a register, where the compiler would work it out anew for every unit.
__device__ __forceinline__ std::uint32_t kept(std::uint32_t value) {
  asm volatile("" : "+r"(value));
  return value;
}
/// A float of shared memory, of a block of the cluster.
__device__ __forceinline__ float loadOfBlock(std::uint32_t address, [[maybe_unused]] std::uint32_t block) {
#if __CUDA_ARCH__ >= 900
  std::uint32_t mapped;
  float value;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(block));
  asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value) : "r"(mapped) : "memory");
  return value;
#else
  return __uint_as_float(loadShared(address));
#endif
}
__device__ __forceinline__ void synchronizeCluster(std::uint32_t shift) {
#if __CUDA_ARCH__ >= 900
  if (shift > 0) {
    asm volatile("barrier.cluster.arrive.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
    return;
  }
#endif
  __syncthreads();
}

/// The sums of a slice, of rows g and g + 8, once it has ended: calls put(half, token, sum).
template <int kParts, unsigned kTokens, int kTiles, class Put>
__device__ __forceinline__ void endSlice(const float (&d)[kTiles][4], unsigned lane, Put&& put) {
  const unsigned t = lane & 3, quad = lane & 28;
#pragma unroll
  for (unsigned h = 0; h < 2; ++h) {
    const auto whole = [&](unsigned token, float a, float b, float c) { put(h, token, a + (b + c)); };
    if constexpr (kParts == 1) {
      put(h, 2 * t, d[0][2 * h]);
      put(h, 2 * t + 1, d[0][2 * h + 1]);
    } else if constexpr (kTokens == 1) {
      const float p = __shfl_sync(kAllLanes, d[0][2 * h], quad + 1);
      if (t == 0) whole(0, d[0][2 * h], d[0][2 * h + 1], p);
    } else if constexpr (kTokens == 2) {
      const float p = __shfl_sync(kAllLanes, d[0][2 * h], quad + 2), q = __shfl_sync(kAllLanes, d[0][2 * h + 1], quad + 2);
      if (t < 2) whole(t, d[0][2 * h], d[0][2 * h + 1], t == 0 ? p : q);
    } else if constexpr (kTokens == 5) {  // token t, and lane 0 token 4 too
      const float p = __shfl_sync(kAllLanes, d[1][2 * h], quad + (t == 0 ? 1 : t == 1 ? 2 : 3));
      const float q = __shfl_sync(kAllLanes, d[1][2 * h + 1], quad + (t == 0 ? 1 : 2));
      whole(t, d[0][2 * h], d[0][2 * h + 1], t == 2 ? q : p);
      if (t == 0) whole(4, d[1][2 * h], d[1][2 * h + 1], q);
    } else {
      whole(t, d[0][2 * h], d[0][2 * h + 1], d[2][2 * h]);
      whole(t + 4, d[1][2 * h], d[1][2 * h + 1], d[2][2 * h + 1]);
    }
  }
}

}  // namespace detail

/// kShift: args.shift where it is known when this is compiled, which saves registers; else kAnyShift.
inline constexpr int kAnyShift = -1;
template <class Source, int kParts, unsigned kTokens, int kShift>
__global__ void __launch_bounds__(kProductThreads, 1) productKernel(const __grid_constant__ ProductArgs<Source> args) {
  using Columns = XColumns<kParts, kTokens>;
  constexpr int kTiles = Columns::kTiles;
  if (!Source::kCompiled) __trap();
  extern __shared__ __align__(128) std::uint8_t shared[];
  std::uint32_t* table;
  if constexpr (Source::kWideTable) {
    table = reinterpret_cast<std::uint32_t*>(shared + (Source::kTableAddress - kReserved));
    if ((sharedAddress(table) & (Source::kTableAddress - 1)) != 0) __trap();
  } else {
    __shared__ std::uint32_t small[Source::kTableWords];
    table = small;
  }
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, g = lane >> 2, t = lane & 3;
  args.part[0].source.loadTable(table, kProductThreads);
  letNextBegin();

  const std::uint32_t shift = kShift == kAnyShift ? args.shift : static_cast<std::uint32_t>(kShift);
  const std::uint32_t blocks = 1u << shift, slices = kProductWarps >> shift;
  const std::uint32_t rank = blockIdx.x & (blocks - 1), cluster = blockIdx.x >> shift, clusters = gridDim.x >> shift;
  const std::uint32_t slice = warp & (slices - 1), sub = warp / slices;

  const std::uint32_t each = args.gated ? 2 : 1, tokens = kTokens == 1 ? 1 : args.x.tokens;
  const auto firstGroup = static_cast<std::uint32_t>(static_cast<std::uint64_t>(args.groups) * cluster / clusters);
  const auto endGroup = static_cast<std::uint32_t>(static_cast<std::uint64_t>(args.groups) * (cluster + 1) / clusters);
  const std::uint32_t rowUnits = args.x.columns / kUnitColumns;
  const std::uint32_t stagedUnit = sliceBegin(rowUnits, rank * slices);
  const std::uint32_t stagedUnits = sliceBegin(rowUnits, (rank + 1) * slices) - stagedUnit;
  const std::uint32_t stride = stagedUnits * kUnitColumns * 2 + kPartPadding;
  const std::uint32_t firstUnit = sliceBegin(rowUnits, rank * slices + slice);
  const std::uint32_t own = detail::kept(sliceBegin(rowUnits, rank * slices + slice + 1) - firstUnit);
  auto* const sums = reinterpret_cast<float*>(shared + args.sumsAt);
  std::uint32_t xLane[kTiles];
#pragma unroll
  for (int n = 0; n < kTiles; ++n)
    xLane[n] = detail::kept(args.x.at[n] + min(g, (kParts == 1 ? tokens : Columns::kRows) - 1 - 8 * n) * stride +
                            (firstUnit - stagedUnit) * kUnitColumns * 2 + t * 16);

  typename Source::Cursor cursor;
  const auto seek = [&](std::uint32_t number) {
    const GroupPlace place = placeOf(args, number);
    cursor = args.part[place.part].source.seek(place.group, firstUnit, rowUnits, lane);
  };

  for (std::uint32_t batch = firstGroup * each; batch < endGroup * each; batch += args.batch) {
    const std::uint32_t batchEnd = min(batch + args.batch, endGroup * each);
    // Units of the warp, group after group; two are held in turn, one of them on its way.
    typename Source::Unit even, odd;
    std::uint32_t number = batch + sub, index = 0, partInUse = placeOf(args, min(number, batchEnd - 1)).part;
    std::uint32_t fetchNumber = own == 0 ? batchEnd : number, fetchIndex = 0;
    const auto fetch = [&](typename Source::Unit& unit) {
      if (fetchNumber >= batchEnd) return;
      if (fetchIndex == 0)
        seek(fetchNumber);
      else
        Source::advance(cursor);
      Source::load(unit, cursor);
      if (++fetchIndex < own) return;
      fetchIndex = 0;
      fetchNumber += blocks;
    };
    float d[kTiles][4] = {};
    float* sumsOfGroup = sums + (sub * tokens * slices + slice) * kUnitRows;
    const auto sumAt = [&](std::uint32_t token) { return sumsOfGroup + token * slices * kUnitRows; };
    const auto nextGroup = [&] {
      number += blocks;
      sumsOfGroup += blocks * tokens * slices * kUnitRows;
    };
    const auto use = [&](typename Source::Unit& unit) {
      const Source& source = args.part[partInUse].source;
      source.start(unit);
      const std::uint8_t* const columns = shared + index * kUnitColumns * 2;
#pragma unroll
      for (unsigned c = 0; c < kUnitChunks; ++c) {
        uint4 b[kTiles];
#pragma unroll
        for (int n = 0; n < kTiles; ++n) b[n] = *reinterpret_cast<const uint4*>(columns + xLane[n] + c * kChunkColumns * 2);
        const ChunkWeights w = source.chunk(unit, c, table, lane);
#pragma unroll
        for (int n = 0; n < kTiles; ++n)
          multiplyTiles(d[n], w.upper.pair[0], w.lower.pair[0], w.upper.pair[1], w.lower.pair[1], b[n].x, b[n].y);
#pragma unroll
        for (int n = 0; n < kTiles; ++n)
          multiplyTiles(d[n], w.upper.pair[2], w.lower.pair[2], w.upper.pair[3], w.lower.pair[3], b[n].z, b[n].w);
      }
      if (++index < own) return;
      detail::endSlice<kParts, kTokens, kTiles>(d, lane, [&](unsigned half, unsigned token, float sum) {
        if (token < tokens) sumAt(token)[g + 8 * half] = sum;
      });
#pragma unroll
      for (auto& tile : d)
#pragma unroll
        for (float& sum : tile) sum = 0;
      index = 0;
      nextGroup();
      if (args.parts > 1 && number < batchEnd) partInUse = placeOf(args, number).part;
    };
    fetch(even);
    fetch(odd);
    if (batch == firstGroup * each) {
      afterPrevious();
      detail::stageX<kParts, kTokens>(args.x, stagedUnit * kUnitColumns, stagedUnits * kUnitColumns, shared, stride, sums);
    }
    __syncthreads();
    if (own == 0)  // fewer columns than warps
      for (; number < batchEnd; nextGroup())
        for (std::uint32_t token = 0; token < tokens; ++token)
          if (t == 0) sumAt(token)[g] = sumAt(token)[g + 8] = 0;
#pragma unroll 1
    while (number < batchEnd) {
      use(even);
      fetch(even);
      if (number >= batchEnd) break;
      use(odd);
      fetch(odd);
    }
    detail::synchronizeCluster(shift);
    const std::uint32_t sumsAddress = sharedAddress(sums);
    const auto total = [&](std::uint32_t number, std::uint32_t token, std::uint32_t row, std::uint32_t rowInGroup,
                           const ProductPart<Source>& part) {
      float sum = 0;
      const std::uint32_t at = sumsAddress + (((number - batch) * tokens + token) * slices * kUnitRows + rowInGroup) * 4;
#pragma unroll
      for (unsigned w = 0; w < kProductWarps; ++w)
        sum += detail::loadOfBlock(at + (w & (slices - 1)) * kUnitRows * 4, w * blocks / kProductWarps);
      if (part.bias) sum += toFloat(part.bias, args.biasType, row);
      return sum;
    };
    const std::uint32_t results = (batchEnd - batch) / each * tokens * kUnitRows;
    for (std::uint32_t i = threadIdx.x + rank * kProductThreads; i < results; i += kProductThreads * blocks) {
      const std::uint32_t rowInGroup = i % kUnitRows, token = i / kUnitRows % tokens;
      const std::uint32_t number = batch + i / (kUnitRows * tokens) * each;
      const GroupPlace place = placeOf(args, number);
      const auto& part = args.part[place.part];
      const std::uint32_t row = place.group * kUnitRows + rowInGroup;
      if (row >= part.rows) continue;
      float y = total(number, token, row, rowInGroup, part);
      if (args.gated) {
        const float up = total(number + 1, token, row, rowInGroup, args.part[1]);
        y = __fmul_rn(siluOf(y), up);
      }
      float& into = part.y[token * part.stride + row];
      if (args.accumulate) y += into;
      into = y;
    }
    detail::synchronizeCluster(shift);
  }
}

}  // namespace deltascope::kernels::cuda
