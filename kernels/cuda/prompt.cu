// SPDX-License-Identifier: Apache-2.0
// y = x · Wᵀ for many tokens with the bits of productKernel. Level: shape.
//
// An output has an accumulator for each BF16 part of x, which takes the same products in the same order as the tensor cores of
// product.cuh give it: chunks of 32 columns one after another, of each first the columns 8t … 8t + 3, then 8t + 4 … 8t + 7.
// Where one of the sixteen column slices ends, the parts' sums are added to the total and begin anew.
#include <algorithm>
#include <cmath>

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/prompt.h"
#include "kernels/cuda/tensor.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kRows = 128, kTokens = 64, kStep = 64;  // a block's tile of W, of x, and the columns of a step
constexpr unsigned kThreads = 256, kStages = 3;
constexpr unsigned kRowBytes = kStep * 2, kWeightBytes = kRows * kRowBytes, kXBytes = kTokens * kRowBytes;
constexpr unsigned kUnitSteps = kUnitColumns / kStep;
/// Of a warp: tiles of 16 rows, of 8 tokens; two warps share the rows of a block, four its tokens.
constexpr unsigned kRowTiles = 4, kTokenTiles = 2;

/// Where piece `c` of 16 bytes of a row lies: pieces 0 … 3 of two rows in a row are in different banks, and 4 … 7.
__device__ __forceinline__ std::uint32_t pieceAt(std::uint32_t row, std::uint32_t c) {
  return row * kRowBytes + ((c ^ (row & 1) << 2) << 4);
}
__device__ __forceinline__ uint4 loadPiece(std::uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(address));
  return v;
}

template <int kParts>
struct Block {
  const PromptArgs& args;
  std::uint32_t shared, row0, token0;
  float4 next[4];  ///< sixteen x of one token, for the step after

  __device__ __forceinline__ std::uint32_t weightsAt(unsigned stage) const { return shared + stage * kWeightBytes; }
  __device__ __forceinline__ std::uint32_t xAt(unsigned stage, int part) const {
    return shared + kStages * kWeightBytes + (stage * kParts + static_cast<unsigned>(part)) * kXBytes;
  }
  __device__ __forceinline__ void fetchWeights(unsigned stage, std::uint32_t column) const {
    if (column < args.columns) {
#pragma unroll
      for (unsigned i = 0; i < kRows * 8 / kThreads; ++i) {
        const unsigned piece = threadIdx.x + i * kThreads, row = piece >> 3, c = piece & 7;
        const bool valid = row0 + row < args.rows;
        const std::size_t at = (static_cast<std::size_t>(valid ? row0 + row : 0) * args.columns + column + c * 8) * 2;
        copyAhead(weightsAt(stage) + pieceAt(row, c), args.weights + at, valid);
      }
    }
    commitCopies();
  }
  /// Pieces p and p + 4 of eight, where p is the thread's of four.
  __device__ __forceinline__ void fetchX(std::uint32_t column) {
    const unsigned token = threadIdx.x >> 2, p = threadIdx.x & 3;
    const bool valid = token0 + token < args.tokens && column < args.columns;
    const auto* from =
        reinterpret_cast<const float4*>(args.x + static_cast<std::size_t>(token0 + token) * args.columns + column) + p * 2;
#pragma unroll
    for (int i = 0; i < 4; ++i) next[i] = valid ? from[(i >> 1) * 8 + (i & 1)] : make_float4(0, 0, 0, 0);
  }
  __device__ __forceinline__ void storeX(unsigned stage) const {
    const unsigned token = threadIdx.x >> 2, p = threadIdx.x & 3;
#pragma unroll
    for (unsigned half = 0; half < 2; ++half) {
      std::uint32_t words[4][kParts];
      const float4 a = next[2 * half], b = next[2 * half + 1];
      splitPair<kParts>(a.x, a.y, words[0]);
      splitPair<kParts>(a.z, a.w, words[1]);
      splitPair<kParts>(b.x, b.y, words[2]);
      splitPair<kParts>(b.z, b.w, words[3]);
#pragma unroll
      for (int part = 0; part < kParts; ++part)
        asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(xAt(stage, part) + pieceAt(token, p + 4 * half)),
                     "r"(words[0][part]), "r"(words[1][part]), "r"(words[2][part]), "r"(words[3][part])
                     : "memory");
    }
  }
  using Sums = float[kRowTiles][kTokenTiles][kParts][4];
  using Totals = float[kRowTiles][kTokenTiles][4];

  __device__ __forceinline__ void multiply(unsigned weightStage, unsigned xStage, Sums& sums) const {
    const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, g = lane >> 2, t = lane & 3;
    const unsigned row = (warp >> 2) * 16 * kRowTiles + g, token = (warp & 3) * 8 * kTokenTiles + g;
#pragma unroll
    for (unsigned chunk = 0; chunk < kStep / kChunkColumns; ++chunk) {
      uint4 b[kTokenTiles][kParts];
#pragma unroll
      for (unsigned n = 0; n < kTokenTiles; ++n)
#pragma unroll
        for (int p = 0; p < kParts; ++p) b[n][p] = loadPiece(xAt(xStage, p) + pieceAt(token + 8 * n, chunk * 4 + t));
#pragma unroll
      for (unsigned m = 0; m < kRowTiles; ++m) {
        const uint4 u = loadPiece(weightsAt(weightStage) + pieceAt(row + 16 * m, chunk * 4 + t));
        const uint4 l = loadPiece(weightsAt(weightStage) + pieceAt(row + 16 * m + 8, chunk * 4 + t));
#pragma unroll
        for (unsigned n = 0; n < kTokenTiles; ++n)
#pragma unroll
          for (int p = 0; p < kParts; ++p) multiplyTiles(sums[m][n][p], u.x, l.x, u.y, l.y, b[n][p].x, b[n][p].y);
#pragma unroll
        for (unsigned n = 0; n < kTokenTiles; ++n)
#pragma unroll
          for (int p = 0; p < kParts; ++p) multiplyTiles(sums[m][n][p], u.z, l.z, u.w, l.w, b[n][p].z, b[n][p].w);
      }
    }
  }
  __device__ __forceinline__ static void endSlice(Sums& sums, Totals& totals) {
#pragma unroll
    for (unsigned m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (unsigned n = 0; n < kTokenTiles; ++n)
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
          float(&parts)[kParts][4] = sums[m][n];
          if constexpr (kParts == 1)
            totals[m][n][i] += parts[0][i];
          else
            totals[m][n][i] += parts[0][i] + (parts[1][i] + parts[2][i]);
#pragma unroll
          for (int p = 0; p < kParts; ++p) parts[p][i] = 0;
        }
  }
  __device__ __forceinline__ void store(const Totals& totals) const {
    const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const std::uint32_t row = row0 + (warp >> 2) * 16 * kRowTiles + (lane >> 2);
    const std::uint32_t token = token0 + (warp & 3) * 8 * kTokenTiles + (lane & 3) * 2;
#pragma unroll
    for (unsigned m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (unsigned n = 0; n < kTokenTiles; ++n)
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
          const std::uint32_t r = row + m * 16 + (i >> 1) * 8, at = token + n * 8 + (i & 1);
          if (r >= args.rows || at >= args.tokens) continue;
          float value = totals[m][n][i];
          if (args.bias) value += toFloat(args.bias, args.biasType, r);
          float& y = args.y[at * args.stride + r];
          y = args.accumulate ? y + value : value;
        }
  }
};

/// Grid: tiles of tokens, of rows: blocks that read the same rows run at about the same time.
template <int kParts>
__global__ void __launch_bounds__(kThreads, 1) promptKernel(const __grid_constant__ PromptArgs args) {
  extern __shared__ __align__(128) std::uint8_t memory[];
  Block<kParts> block{args, sharedAddress(memory), blockIdx.y * kRows, blockIdx.x * kTokens, {}};
  typename Block<kParts>::Sums sums = {};
  typename Block<kParts>::Totals totals = {};
  block.fetchWeights(0, 0);
  block.fetchWeights(1, kStep);
  block.fetchX(0);
  block.storeX(0);
  const std::uint32_t rowUnits = args.columns / kUnitColumns, steps = rowUnits * kUnitSteps;
  std::uint32_t slice = 0, sliceEnd = 0;  // the step at which the slice ends
  const auto nextSlice = [&](std::uint32_t step) {
    while (sliceEnd <= step) sliceEnd = sliceBegin(rowUnits, ++slice) * kUnitSteps;
  };
  nextSlice(0);
  for (std::uint32_t step = 0, stage = 0; step < steps; ++step) {
    waitCopies<1>();
    __syncthreads();
    block.fetchWeights(stage == 0 ? 2 : stage - 1, (step + 2) * kStep);
    block.fetchX((step + 1) * kStep);
    block.multiply(stage, step & 1, sums);
    block.storeX((step + 1) & 1);
    if (step + 1 == sliceEnd) {
      block.endSlice(sums, totals);
      if (step + 1 < steps) nextSlice(step + 1);
    }
    stage = stage == kStages - 1 ? 0 : stage + 1;
  }
  block.store(totals);
}

template <int kParts>
void launch(const Machine& machine, const PromptArgs& args) {
  constexpr auto shared = static_cast<int>(kStages * kWeightBytes + 2 * kParts * kXBytes);
  cudaFuncSetAttribute(promptKernel<kParts>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
  const dim3 grid((args.tokens + kTokens - 1) / kTokens, (args.rows + kRows - 1) / kRows);
  promptKernel<kParts><<<grid, kThreads, shared, machine.stream>>>(args);
}

}  // namespace

bool hasPromptProduct(const Matrix& weight) {
  return weight.form == Matrix::Form::Dense && weight.type == ElementType::BF16 && weight.columns % kUnitColumns == 0 &&
         weight.columns > 0;
}

std::uint64_t promptRows(const Machine& machine, std::uint32_t tokens, std::uint64_t rows, std::uint64_t most) {
  constexpr double kLaunch = 0.1;  // what filling and draining cost, of a wave
  const std::uint64_t across = (tokens + kTokens - 1) / kTokens, waveOf = std::max(machine.processors, 1u);
  const auto waves = [&](std::uint64_t some) {
    return static_cast<double>(((some + kRows - 1) / kRows * across + waveOf - 1) / waveOf) + kLaunch;
  };
  std::uint64_t best = std::min(rows, most);
  double least = HUGE_VAL;
  for (std::uint64_t some = best / kRows * kRows; some > 0; some -= kRows) {
    const double cost = static_cast<double>(rows / some) * waves(some) + (rows % some > 0 ? waves(rows % some) : 0);
    if (cost < least) least = cost, best = some;
  }
  return best;
}

void productOfPrompt(const Machine& machine, Compute compute, const MatmulArgs& args, std::uint64_t stride) {
  const PromptArgs prompt{static_cast<const std::byte*>(args.weight.elements),
                          args.x,
                          args.y,
                          args.bias,
                          static_cast<std::uint32_t>(args.weight.rows),
                          static_cast<std::uint32_t>(args.weight.columns),
                          args.tokens,
                          args.biasType,
                          stride,
                          args.accumulate};
#ifdef DELTASCOPE_HOPPER
  if (machine.warpgroups) return promptOnHopper(machine, compute, prompt);
#endif
  compute == Compute::Bf16 ? launch<1>(machine, prompt) : launch<3>(machine, prompt);
}

}  // namespace deltascope::kernels::cuda
