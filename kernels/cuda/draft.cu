// SPDX-License-Identifier: Apache-2.0
// y ≈ W · x for one token, to propose with: of an exact weight in units the base alone, or a base as it is stored. Values of
// the codes go to the tensor cores rounded to BF16, as x does, and absmax multiplies the sums of 64 columns. A norm is part of
// it: its weights multiply x, its scale the sums. Level: device; its bits are its own.
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {
namespace {

struct DraftPart {
  const std::byte* records;  ///< of units; as it is stored the codes, row by row
  const float* scales;       ///< as it is stored: of each 1 << shift elements
  float* y;
  const void* bias;
  std::uint32_t rows, groups, shift;
};
struct DraftArgs {
  DraftPart part[kMostMatrices];
  XArgs x;                      ///< of one token
  std::uint32_t parts, groups;  ///< as ProductArgs
  ElementType biasType;
  bool accumulate, gated;
  float values[16];
};

/// Pairs of values by byte of codes, in a bank for every lane, as PairSource's table; sums lie before it, x behind.
constexpr std::uint32_t kTable = 0x10000, kTableEnd = 0x20000;
constexpr std::uint32_t kBatch = 32;  ///< row groups whose sums are held, an even number
constexpr int kDepth = 4;             ///< units on their way

/// A lane's codes of rows g and g + 8, a word a chunk, and absmax of both halves of the unit, of the upper row and of the
/// lower.
struct Unit {
  uint4 codes[2];
  uint4 absmax;
};

/// Weights in units: where codes and absmax of one lie.
template <class Records, bool kWideScales, unsigned kFlip>
struct DraftForm {
  static constexpr bool kWide = kWideScales;    ///< absmax in 32 bits, else in 16
  static constexpr unsigned kCodeFlip = kFlip;  ///< codes are kept exclusive-or this
  /// Of x in shared memory: where a lane's first chunk lies, and the others.
  static constexpr std::uint32_t kLaneBytes = 16;
  [[nodiscard]] __device__ static constexpr std::uint32_t chunkAt(unsigned c) { return c * kChunkColumns * 2; }

  using Cursor = const std::byte*;
  __device__ __forceinline__ static Cursor seek(const DraftPart& part, std::uint32_t group, std::uint32_t unit,
                                                std::uint32_t rowUnits, unsigned) {
    return part.records + (std::size_t{group} * rowUnits + unit) * Records::kRecordBytes;
  }
  __device__ __forceinline__ static void advance(Cursor& at) { at += Records::kRecordBytes; }
  __device__ __forceinline__ static void load(Unit& unit, const DraftPart&, const Cursor& at, unsigned lane) {
    unit.codes[0] = readOnce<uint4>(at + lane * 16);
    unit.codes[1] = readOnce<uint4>(at + lane * 16 + Records::kLowerAt);
    if constexpr (kWide) {
      unit.absmax = readOnce<uint4>(at + (lane >> 2) * 16 + Records::kScalesAt);
    } else {
      const auto two = readOnce<uint2>(at + (lane >> 2) * 8 + Records::kScalesAt);
      unit.absmax.x = two.x;
      unit.absmax.y = two.y;
    }
  }
};
using OfCodes = DraftForm<CodeSource, true, 0>;
using OfExact = DraftForm<PairSource<true>, false, PairSource<true>::kZeroCode>;

/// A base as it is stored. Lane t has sixteen columns in a row of each half of a unit: what a lane takes when is free, since x
/// comes in the same order. Rows past the last are read as the last.
struct OfStored {
  static constexpr bool kWide = true;
  static constexpr unsigned kCodeFlip = 0;
  static constexpr std::uint32_t kLaneBytes = 32;
  [[nodiscard]] __device__ static constexpr std::uint32_t chunkAt(unsigned c) { return c / 2 * kUnitColumns + c % 2 * 16; }

  struct Cursor {
    std::size_t upper, lower;  ///< elements at which the unit begins in the lane's rows
  };
  __device__ __forceinline__ static Cursor seek(const DraftPart& part, std::uint32_t group, std::uint32_t unit,
                                                std::uint32_t rowUnits, unsigned lane) {
    const std::uint32_t row = group * kUnitRows + (lane >> 2);
    const auto at = [&](std::uint32_t r) { return (std::size_t{min(r, part.rows - 1)} * rowUnits + unit) * kUnitColumns; };
    return {at(row), at(row + 8)};
  }
  __device__ __forceinline__ static void advance(Cursor& at) {
    at.upper += kUnitColumns;
    at.lower += kUnitColumns;
  }
  __device__ __forceinline__ static uint4 codesAt(const DraftPart& part, std::size_t element, unsigned lane) {
    const std::byte* const from = part.records + element / 2 + (lane & 3) * 8;
    const auto first = readOnce<uint2>(from), second = readOnce<uint2>(from + kUnitColumns / 4);
    return make_uint4(first.x, first.y, second.x, second.y);
  }
  __device__ __forceinline__ static void load(Unit& unit, const DraftPart& part, const Cursor& at, unsigned lane) {
    const auto scale = [&](std::size_t element) { return __float_as_uint(__ldg(part.scales + (element >> part.shift))); };
    unit.codes[0] = codesAt(part, at.upper, lane);
    unit.codes[1] = codesAt(part, at.lower, lane);
    unit.absmax =
        make_uint4(scale(at.upper), scale(at.upper + kUnitColumns / 2), scale(at.lower), scale(at.lower + kUnitColumns / 2));
  }
};

/// Adds a unit's products with x, of which `columns` is the lane's part.
template <class Form>
__device__ __forceinline__ void addUnit(const Unit& unit, std::uint32_t lanes, const std::uint8_t* columns, float (&d)[2]) {
  const auto pairOf = [&](std::uint32_t codes, unsigned k) { return loadShared(__byte_perm(codes, lanes, 0x7604 | k << 4)); };
#pragma unroll
  for (unsigned half = 0; half < 2; ++half) {
    float e[4] = {};
#pragma unroll
    for (unsigned c = 2 * half; c < 2 * half + 2; ++c) {
      const uint4 b = *reinterpret_cast<const uint4*>(columns + Form::chunkAt(c));
      const std::uint32_t u = wordOf(unit.codes[0], c), l = wordOf(unit.codes[1], c);
      multiplyTiles(e, pairOf(u, 0), pairOf(l, 0), pairOf(u, 1), pairOf(l, 1), b.x, b.y);
      multiplyTiles(e, pairOf(u, 2), pairOf(l, 2), pairOf(u, 3), pairOf(l, 3), b.z, b.w);
    }
    float upper, lower;
    if constexpr (Form::kWide) {
      upper = __uint_as_float(half ? unit.absmax.y : unit.absmax.x);
      lower = __uint_as_float(half ? unit.absmax.w : unit.absmax.z);
    } else {
      upper = half ? highOf(unit.absmax.x) : lowOf(unit.absmax.x);
      lower = half ? highOf(unit.absmax.y) : lowOf(unit.absmax.y);
    }
    d[0] = fmaf(e[0], upper, d[0]);
    d[1] = fmaf(e[2], lower, d[1]);
  }
}

/// x to shared memory in BF16; where it is normed with the norm's weights, and each warp's sum of squares.
__device__ __forceinline__ void stage(const XArgs& args, std::uint8_t* x, float* squares) {
  float sum = 0;
  for (std::uint32_t i = threadIdx.x; i < args.columns / 8; i += kProductThreads) {
    const float4 a = reinterpret_cast<const float4*>(args.x)[2 * i], b = reinterpret_cast<const float4*>(args.x)[2 * i + 1];
    float eight[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
    if (args.normWeight) {
#pragma unroll
      for (const float v : eight) sum = fmaf(v, v, sum);
      detail::normEight(eight, args, 1.0f, i * 8);
    }
    reinterpret_cast<uint4*>(x)[i] = make_uint4(toPair(eight[0], eight[1]), toPair(eight[2], eight[3]),
                                                toPair(eight[4], eight[5]), toPair(eight[6], eight[7]));
  }
  sum = sumOfLanes(sum);
  if (threadIdx.x % kWarp == 0) squares[threadIdx.x / kWarp] = sum;
}
/// What the norm multiplies x with, 1 where there is none.
__device__ __forceinline__ float scaleOf(const XArgs& args, const float* squares) {
  if (!args.normWeight) return 1;
  float sum = 0;
#pragma unroll
  for (unsigned w = 0; w < kProductWarps; ++w) sum += squares[w];
  return rsqrtf(sum / static_cast<float>(args.columns) + args.epsilon);
}

template <class Form>
__global__ void __launch_bounds__(kProductThreads, 1) draftKernel(const __grid_constant__ DraftArgs args) {
#if __CUDA_ARCH__ < 900
  __trap();  // no room for the table: hasDraft() says so
#endif
  extern __shared__ __align__(128) std::uint8_t dynamic[];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, g = lane >> 2, t = lane & 3;
  auto* const sums = reinterpret_cast<float*>(dynamic);
  float* const squares = sums + kBatch * kProductWarps * kUnitRows;
  std::uint8_t* const x = dynamic + (kTableEnd - kReserved);
  for (unsigned i = threadIdx.x; i < 256 * 8; i += kProductThreads) {
    const unsigned e = i >> 3;
    const std::uint32_t pair = toPair(args.values[(e >> 4) ^ Form::kCodeFlip], args.values[(e & 15) ^ Form::kCodeFlip]);
    reinterpret_cast<uint4*>(dynamic + (kTable - kReserved))[e * 16 + (i & 7)] = make_uint4(pair, pair, pair, pair);
  }
  const std::uint32_t lanes = sharedAddress(dynamic + (kTable - kReserved)) | lane * 4;
  if ((lanes & 0xff80) != 0) __trap();
  letNextBegin();
  const std::uint32_t each = args.gated ? 2 : 1;
  const auto groupAt = [&](std::uint32_t block) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(args.groups) * block / gridDim.x) * each;
  };
  const std::uint32_t firstGroup = groupAt(blockIdx.x), endGroup = groupAt(blockIdx.x + 1);
  const std::uint32_t columns = args.x.columns, rowUnits = columns / kUnitColumns;
  const std::uint32_t firstUnit = sliceBegin(rowUnits, warp), own = sliceBegin(rowUnits, warp + 1) - firstUnit;
  const std::uint8_t* const xLane = x + firstUnit * kUnitColumns * 2 + t * Form::kLaneBytes;
  for (std::uint32_t batch = firstGroup; batch < endGroup; batch += kBatch) {
    const std::uint32_t batchEnd = min(batch + kBatch, endGroup);
    Unit ring[kDepth];
    std::uint32_t number = batch, index = 0, fetchNumber = own == 0 ? batchEnd : batch, fetchIndex = 0;
    std::uint32_t fetchPart = 0;
    typename Form::Cursor at;
    const auto seek = [&](std::uint32_t group) {
      const GroupPlace place = placeOf(args, group);
      fetchPart = place.part;
      at = Form::seek(args.part[place.part], place.group, firstUnit, rowUnits, lane);
    };
    seek(batch);
    const auto fetch = [&](Unit& unit) {
      if (fetchNumber >= batchEnd) return;
      Form::load(unit, args.part[fetchPart], at, lane);
      Form::advance(at);
      if (++fetchIndex < own) return;
      fetchIndex = 0;
      ++fetchNumber;
      seek(min(fetchNumber, batchEnd - 1));
    };
    float d[2] = {};
    const auto put = [&] {
      if (t != 0) return;
      float* to = sums + ((number - batch) * kProductWarps + warp) * kUnitRows + g;
      to[0] = d[0];
      to[8] = d[1];
    };
#pragma unroll
    for (Unit& unit : ring) fetch(unit);
    if (batch == firstGroup) {
      afterPrevious();
      stage(args.x, x, squares);
    }
    __syncthreads();
    if (own == 0)
      for (; number < batchEnd; ++number) put();
    while (number < batchEnd) {
#pragma unroll
      for (int k = 0; k < kDepth; ++k) {
        if (k > 0 && number >= batchEnd) break;
        addUnit<Form>(ring[k], lanes, xLane + index * kUnitColumns * 2, d);
        if (++index == own) {
          put();
          d[0] = d[1] = 0;
          index = 0;
          ++number;
        }
        fetch(ring[k]);
      }
    }
    __syncthreads();
    const float scale = scaleOf(args.x, squares);
    const auto total = [&](std::uint32_t at, std::uint32_t rowInGroup, std::uint32_t row, const DraftPart& part) {
      float y = 0;
#pragma unroll
      for (unsigned w = 0; w < kProductWarps; ++w) y += sums[((at - batch) * kProductWarps + w) * kUnitRows + rowInGroup];
      y *= scale;
      return part.bias ? y + toFloat(part.bias, args.biasType, row) : y;
    };
    for (std::uint32_t i = threadIdx.x; i < (batchEnd - batch) / each * kUnitRows; i += kProductThreads) {
      const std::uint32_t at = batch + i / kUnitRows * each, rowInGroup = i % kUnitRows;
      const GroupPlace place = placeOf(args, at);
      const DraftPart& part = args.part[place.part];
      const std::uint32_t row = place.group * kUnitRows + rowInGroup;
      if (row >= part.rows) continue;
      float y = total(at, rowInGroup, row, part);
      if (args.gated) y = y / (1.0f + expf(-y)) * total(at + 1, rowInGroup, row, args.part[1]);
      part.y[row] = args.accumulate ? part.y[row] + y : y;
    }
    __syncthreads();
  }
}

template <class Form>
void launch(const Machine& machine, const DraftArgs& args) {
  const std::uint32_t shared = kTableEnd - kReserved + args.x.columns * 2;
  cudaFuncSetAttribute(draftKernel<Form>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  launchDependent(machine, draftKernel<Form>, std::min(machine.processors, args.groups), kProductThreads, shared, args);
}

}  // namespace

bool hasDraft(const Machine& machine, const Matrix& weight) {
  if (!machine.clusters || kTableEnd - kReserved + weight.columns * 2 > machine.sharedBytes) return false;
  if (weight.form == Matrix::Form::Tiled) return hasFewProduct(machine, weight);
  return weight.form == Matrix::Form::FourBit && weight.rows > 0 && hasUnits(weight) &&
         reinterpret_cast<std::uintptr_t>(weight.codes) % 8 == 0;
}

void draftOfToken(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts) {
  const Matrix& weight = parts[0].weight;
  DraftArgs args{};
  args.x = xOf(how, parts[0]);
  args.parts = static_cast<std::uint32_t>(parts.size());
  args.accumulate = parts[0].accumulate;
  args.gated = how.gated;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto rows = static_cast<std::uint32_t>(parts[p].weight.rows), groups = (rows + kUnitRows - 1) / kUnitRows;
    const Matrix& m = parts[p].weight;
    const bool stored = m.form == Matrix::Form::FourBit;
    args.part[p] = {stored ? reinterpret_cast<const std::byte*>(m.codes) : m.tiles.stream,
                    m.scales,
                    parts[p].y,
                    parts[p].bias,
                    rows,
                    groups,
                    static_cast<std::uint32_t>(std::countr_zero(m.group))};
    if (parts[p].bias) args.biasType = parts[p].biasType;
    if (p == 0 || !how.gated) args.groups += groups;
  }
  std::copy_n(weight.values, 16, args.values);
  if (weight.form == Matrix::Form::FourBit)
    launch<OfStored>(machine, args);
  else
    weight.tiles.code == Tiles::Code::Codes ? launch<OfCodes>(machine, args) : launch<OfExact>(machine, args);
}

}  // namespace deltascope::kernels::cuda
