// SPDX-License-Identifier: Apache-2.0
#pragma once
/// y = W · x for one token, W read once in whatever form it has. A block owns groups of 16 rows; its sixteen warps share the
/// columns of each, and the warps' sums are added in ascending order at the end. x enters as up to three BF16 parts, which are
/// columns of one tensor-core operand: W stays a BF16 operand, and x loses nothing.
///
/// What belongs to a sum, and in which order, follows from the number of columns alone. So a row has the same bits whatever the
/// form of its weights, the number of blocks, and the rows that are done together.
#include "kernels/cuda/dependent.cuh"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/sources.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kMostMatrices = 3;
inline constexpr unsigned kProductWarps = 16, kProductThreads = kProductWarps * kWarp;
/// Row groups whose sums shared memory holds; a block with more adds up in between.
inline constexpr std::uint32_t kMostGroups = 16;
/// Between the parts of x, so that lanes of two parts read different banks.
inline constexpr std::uint32_t kPartPadding = 64;

template <class Source>
struct ProductPart {
  Source source;
  float* y;
  const void* bias;
  std::uint32_t rows, groups;
};

template <class Source>
struct ProductArgs {
  ProductPart<Source> part[kMostMatrices];
  const float* x;
  std::uint32_t parts;    ///< matrices of as many columns
  std::uint32_t columns;  ///< a multiple of 128
  std::uint32_t groups;   ///< of all parts; of the first where gated
  ElementType biasType, normType;
  const void* normWeight;  ///< not null: x is normed first, as rmsNorm() does it
  float epsilon;
  bool accumulate;
  bool gated;  ///< two parts: y = silu(first) · second, to the first's y
};

template <int kParts>
[[nodiscard]] __host__ __device__ constexpr std::uint32_t xBytes(std::uint32_t columns) {
  return kParts * (columns * 2 + kPartPadding);
}
inline constexpr std::uint32_t kSumBytes = kMostGroups * kProductWarps * kUnitRows * sizeof(float);

namespace detail {

/// What rmsNorm() multiplies x with before the weight: the same sums in the same order, by as many threads.
__device__ __forceinline__ float normScale(const float* x, std::uint32_t columns, float epsilon, float* scratch) {
  float squares = 0;
  for (std::uint32_t c = threadIdx.x; c < columns; c += kProductThreads) squares = __fmaf_rn(x[c], x[c], squares);
  squares = sumOfLanes(squares);
  const unsigned lane = threadIdx.x % kWarp;
  if (lane == 0) scratch[threadIdx.x / kWarp] = squares;
  __syncthreads();
  squares = sumOfLanes(lane < kProductWarps ? scratch[lane] : 0.0f);
  const float mean = __fdiv_rn(squares, static_cast<float>(columns));
  return __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(mean, epsilon)));
}

/// x to shared memory, in parts; `scratch`: a float a warp.
template <class Source, int kParts>
__device__ __forceinline__ void stageX(const ProductArgs<Source>& args, std::uint8_t* into, float* scratch) {
  const float scale = args.normWeight ? normScale(args.x, args.columns, args.epsilon, scratch) : 1.0f;
  for (std::uint32_t i = threadIdx.x; i < args.columns / 8; i += kProductThreads) {
    const float4 a = reinterpret_cast<const float4*>(args.x)[2 * i], b = reinterpret_cast<const float4*>(args.x)[2 * i + 1];
    float x[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
    if (args.normWeight) {
#pragma unroll
      for (unsigned j = 0; j < 8; ++j)
        x[j] = __fmul_rn(__fmul_rn(x[j], scale), toFloat(args.normWeight, args.normType, i * 8 + j));
    }
    std::uint32_t w[4][kParts];
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) splitPair<kParts>(x[2 * j], x[2 * j + 1], w[j]);
#pragma unroll
    for (int p = 0; p < kParts; ++p)
      *reinterpret_cast<uint4*>(into + p * (args.columns * 2 + kPartPadding) + i * 16) =
          make_uint4(w[0][p], w[1][p], w[2][p], w[3][p]);
  }
}

}  // namespace detail

template <class Source, int kParts>
__global__ void __launch_bounds__(kProductThreads, 1) productKernel(const __grid_constant__ ProductArgs<Source> args) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, g = lane >> 2, t = lane & 3;
  __shared__ std::uint32_t table[Source::kTableWords];
  std::uint8_t* const x = shared;
  auto* const sums = reinterpret_cast<float*>(shared + xBytes<kParts>(args.columns));
  args.part[0].source.loadTable(table, kProductThreads);

  // Groups of a gated product come in twos: the gate's rows, then the same rows of the other.
  const std::uint32_t each = args.gated ? 2 : 1;
  const std::uint32_t firstGroup = static_cast<std::uint32_t>(static_cast<std::uint64_t>(args.groups) * blockIdx.x / gridDim.x);
  const std::uint32_t endGroup =
      static_cast<std::uint32_t>(static_cast<std::uint64_t>(args.groups) * (blockIdx.x + 1) / gridDim.x);
  const std::uint32_t rowUnits = args.columns / kUnitColumns;
  const std::uint32_t firstUnit = rowUnits * warp / kProductWarps, endUnit = rowUnits * (warp + 1) / kProductWarps;
  const std::uint32_t own = endUnit - firstUnit;

  struct Place {
    std::uint32_t part, group;
  };
  const auto placeOf = [&](std::uint32_t number) {
    if (args.gated) return Place{number & 1, number >> 1};
    Place place{0, number};
    while (place.part + 1 < args.parts && place.group >= args.part[place.part].groups)
      place.group -= args.part[place.part++].groups;
    return place;
  };
  typename Source::Cursor cursor;
  const auto seek = [&](std::uint32_t number) {
    const Place place = placeOf(number);
    cursor = args.part[place.part].source.seek(place.group, firstUnit, rowUnits, lane);
  };

  for (std::uint32_t batch = firstGroup * each; batch < endGroup * each; batch += kMostGroups) {
    const std::uint32_t batchEnd = min(batch + kMostGroups, endGroup * each);
    // Units of the warp, group after group; two are held in turn, one of them on its way.
    typename Source::Unit even, odd;
    std::uint32_t number = batch, index = 0, partInUse = placeOf(batch).part;
    std::uint32_t fetchNumber = batch, fetchIndex = 0;
    if (own == 0) fetchNumber = batchEnd;
    const auto fetch = [&](typename Source::Unit& unit) {
      if (fetchNumber >= batchEnd) return;
      if (fetchIndex == 0)
        seek(fetchNumber);
      else
        Source::advance(cursor);
      Source::load(unit, cursor);
      if (++fetchIndex < own) return;
      fetchIndex = 0;
      ++fetchNumber;
    };
    float d[4] = {};
    const auto use = [&](typename Source::Unit& unit) {
      const Source& source = args.part[partInUse].source;
      source.start(unit);
      const std::uint8_t* columns =
          x + (g < kParts ? g : 0) * (args.columns * 2 + kPartPadding) + ((firstUnit + index) * kUnitColumns + t * 8) * 2;
#pragma unroll
      for (unsigned c = 0; c < kUnitChunks; ++c) {
        uint4 b = *reinterpret_cast<const uint4*>(columns + c * kChunkColumns * 2);
        if (g >= kParts) b = make_uint4(0, 0, 0, 0);
        const ChunkWeights w = source.chunk(unit, c, table, lane);
        multiplyTiles(d, w.upper.pair[0], w.lower.pair[0], w.upper.pair[1], w.lower.pair[1], b.x, b.y);
        multiplyTiles(d, w.upper.pair[2], w.lower.pair[2], w.upper.pair[3], w.lower.pair[3], b.z, b.w);
      }
      if (++index < own) return;
      // Columns 0 and 1 of the result lie with t = 0, column 2 with t = 1.
      if constexpr (kParts > 1) {
        d[0] += d[1] + __shfl_down_sync(kAllLanes, d[0], 1);
        d[2] += d[3] + __shfl_down_sync(kAllLanes, d[2], 1);
      }
      if (t == 0) {
        float* to = sums + ((number - batch) * kProductWarps + warp) * kUnitRows + g;
        to[0] = d[0];
        to[8] = d[2];
      }
#pragma unroll
      for (float& sum : d) sum = 0;
      index = 0;
      ++number;
      if (args.parts > 1) partInUse = placeOf(number).part;
    };
    fetch(even);
    fetch(odd);
    if (batch == firstGroup * each) {
      afterPrevious();
      detail::stageX<Source, kParts>(args, x, sums);
    }
    __syncthreads();
    if (own == 0) {  // fewer columns than warps
      for (; number < batchEnd; ++number)
        if (t == 0) {
          float* to = sums + ((number - batch) * kProductWarps + warp) * kUnitRows + g;
          to[0] = to[8] = 0;
        }
    }
#pragma unroll 1
    while (number < batchEnd) {
      use(even);
      fetch(even);
      if (number >= batchEnd) break;
      use(odd);
      fetch(odd);
    }
    __syncthreads();
    const auto total = [&](std::uint32_t number, std::uint32_t row, std::uint32_t rowInGroup, const ProductPart<Source>& part) {
      float sum = 0;
#pragma unroll
      for (unsigned w = 0; w < kProductWarps; ++w) sum += sums[((number - batch) * kProductWarps + w) * kUnitRows + rowInGroup];
      if (part.bias) sum += toFloat(part.bias, args.biasType, row);
      return sum;
    };
    for (std::uint32_t i = threadIdx.x; i < (batchEnd - batch) / each * kUnitRows; i += kProductThreads) {
      const std::uint32_t number = batch + i / kUnitRows * each, rowInGroup = i % kUnitRows;
      const Place place = placeOf(number);
      const auto& part = args.part[place.part];
      const std::uint32_t row = place.group * kUnitRows + rowInGroup;
      if (row >= part.rows) continue;
      float y = total(number, row, rowInGroup, part);
      if (args.gated) {
        const float up = total(number + 1, row, rowInGroup, args.part[1]);
        y = __fmul_rn(__fdiv_rn(y, __fadd_rn(1.0f, expf(-y))), up);
      }
      if (args.accumulate) y += part.y[row];
      part.y[row] = y;
    }
    __syncthreads();
  }
}

}  // namespace deltascope::kernels::cuda
