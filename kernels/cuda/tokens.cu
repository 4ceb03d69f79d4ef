// SPDX-License-Identifier: Apache-2.0
// y = x · Wᵀ for several tokens: BF16 weights, x in BF16 parts, FP32 sums on the tensor cores.
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/tensor.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kRows = 128, kTokens = 64, kDepth = 64;  // a block's tile of W, of x, and the columns of a step
constexpr unsigned kThreads = 256;
constexpr unsigned kRowBytes = kDepth * 2;
constexpr unsigned kWeightBytes = kRows * kRowBytes, kXBytes = kTokens * kRowBytes;

struct TokensArgs {
  const std::byte* weights;
  const float* x;
  float* y;
  const void* bias;
  std::uint32_t rows, columns, tokens;
  ElementType biasType;
  std::uint64_t stride;
  bool accumulate;
};

/// 16-byte piece `c` of a row, so that eight rows' pieces lie in different banks.
__device__ __forceinline__ std::uint32_t swizzled(std::uint32_t row, std::uint32_t c) {
  return row * kRowBytes + ((c ^ (row & 7)) << 4);
}

template <int kParts>
struct Block {
  const TokensArgs& args;
  std::uint32_t shared, row0, token0;
  float4 next[4];  ///< sixteen x of one token, for the step after

  static constexpr std::uint32_t kStageBytes = kWeightBytes + kParts * kXBytes;

  __device__ __forceinline__ std::uint32_t weightsAt(unsigned stage) const { return shared + stage * kStageBytes; }
  __device__ __forceinline__ std::uint32_t xAt(unsigned stage, int part) const {
    return weightsAt(stage) + kWeightBytes + static_cast<std::uint32_t>(part) * kXBytes;
  }
  __device__ __forceinline__ void fetchWeights(unsigned stage, std::uint32_t column) const {
#pragma unroll
    for (unsigned i = 0; i < kRows * 8 / kThreads; ++i) {
      const unsigned piece = threadIdx.x + i * kThreads, row = piece >> 3, c = piece & 7;
      const bool valid = row0 + row < args.rows;
      const std::size_t at = (static_cast<std::size_t>(valid ? row0 + row : 0) * args.columns + column + c * 8) * 2;
      copyAhead(weightsAt(stage) + swizzled(row, c), args.weights + at, valid);
    }
    commitCopies();
  }
  __device__ __forceinline__ void fetchX(std::uint32_t column) {
    const unsigned token = threadIdx.x >> 2, part = threadIdx.x & 3;
    const bool valid = token0 + token < args.tokens;
    const auto* from =
        reinterpret_cast<const float4*>(args.x + static_cast<std::size_t>(token0 + token) * args.columns + column) + part * 4;
#pragma unroll
    for (int i = 0; i < 4; ++i) next[i] = valid ? from[i] : make_float4(0, 0, 0, 0);
  }
  __device__ __forceinline__ void storeX(unsigned stage) const {
    const unsigned token = threadIdx.x >> 2, piece = (threadIdx.x & 3) * 2;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      std::uint32_t words[4][kParts];
      const float4 a = next[2 * half], b = next[2 * half + 1];
      splitPair<kParts>(a.x, a.y, words[0]);
      splitPair<kParts>(a.z, a.w, words[1]);
      splitPair<kParts>(b.x, b.y, words[2]);
      splitPair<kParts>(b.z, b.w, words[3]);
#pragma unroll
      for (int p = 0; p < kParts; ++p)
        asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(xAt(stage, p) + swizzled(token, piece + half)),
                     "r"(words[0][p]), "r"(words[1][p]), "r"(words[2][p]), "r"(words[3][p])
                     : "memory");
    }
  }
  __device__ __forceinline__ void multiply(unsigned stage, float (&sums)[2][4][4]) const {
    const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const unsigned rows = (warp >> 1) * 32, tokens = (warp & 1) * 32;
#pragma unroll
    for (unsigned k = 0; k < kDepth / 16; ++k) {
      std::uint32_t a[2][4];
#pragma unroll
      for (unsigned m = 0; m < 2; ++m)
        loadMatrices(a[m], weightsAt(stage) + swizzled(rows + m * 16 + (lane & 15), 2 * k + (lane >> 4)));
#pragma unroll
      for (int p = 0; p < kParts; ++p) {
        std::uint32_t b[2][4];
#pragma unroll
        for (unsigned n = 0; n < 2; ++n)
          loadMatrices(b[n],
                       xAt(stage, p) + swizzled(tokens + n * 16 + (lane & 7) + ((lane >> 4) << 3), 2 * k + (lane >> 3 & 1)));
#pragma unroll
        for (unsigned m = 0; m < 2; ++m)
#pragma unroll
          for (unsigned n = 0; n < 4; ++n)
            multiplyTiles(sums[m][n], a[m][0], a[m][1], a[m][2], a[m][3], b[n >> 1][2 * (n & 1)], b[n >> 1][2 * (n & 1) + 1]);
      }
    }
  }
  __device__ __forceinline__ void store(const float (&sums)[2][4][4]) const {
    const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const std::uint32_t row = row0 + (warp >> 1) * 32 + (lane >> 2), token = token0 + (warp & 1) * 32 + (lane & 3) * 2;
#pragma unroll
    for (unsigned m = 0; m < 2; ++m)
#pragma unroll
      for (unsigned n = 0; n < 4; ++n)
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
          const std::uint32_t r = row + m * 16 + (i >> 1) * 8, t = token + n * 8 + (i & 1);
          if (r >= args.rows || t >= args.tokens) continue;
          float value = sums[m][n][i];
          if (args.bias) value += toFloat(args.bias, args.biasType, r);
          float& y = args.y[t * args.stride + r];
          y = args.accumulate ? y + value : value;
        }
  }
};

template <int kParts>
__global__ void __launch_bounds__(kThreads) tokensKernel(const __grid_constant__ TokensArgs args) {
  extern __shared__ __align__(128) std::uint8_t memory[];
  Block<kParts> block{args, sharedAddress(memory), blockIdx.x * kRows, blockIdx.y * kTokens};
  float sums[2][4][4] = {};
  block.fetchWeights(0, 0);
  block.fetchX(0);
  block.storeX(0);
  for (std::uint32_t column = 0, stage = 0; column < args.columns; column += kDepth, stage ^= 1) {
    const bool more = column + kDepth < args.columns;
    if (more) {
      block.fetchWeights(stage ^ 1, column + kDepth);
      block.fetchX(column + kDepth);
      waitCopies<1>();
    } else {
      waitCopies<0>();
    }
    __syncthreads();
    block.multiply(stage, sums);
    if (more) block.storeX(stage ^ 1);
    __syncthreads();
  }
  block.store(sums);
}

template <int kParts>
void launch(const Machine& machine, const TokensArgs& args) {
  constexpr auto shared = static_cast<int>(2 * Block<kParts>::kStageBytes);
  cudaFuncSetAttribute(tokensKernel<kParts>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
  const dim3 grid((args.rows + kRows - 1) / kRows, (args.tokens + kTokens - 1) / kTokens);
  tokensKernel<kParts><<<grid, kThreads, shared, machine.stream>>>(args);
}

}  // namespace

bool hasTensorKernel(const Matrix& weight) {
  return weight.form == Matrix::Form::Dense && weight.type == ElementType::BF16 && weight.columns % kDepth == 0 &&
         weight.columns > 0;
}

void productOfTokens(const Machine& machine, Compute compute, const MatmulArgs& args, std::uint64_t stride) {
  const TokensArgs tokens{static_cast<const std::byte*>(args.weight.elements),
                          args.x,
                          args.y,
                          args.bias,
                          static_cast<std::uint32_t>(args.weight.rows),
                          static_cast<std::uint32_t>(args.weight.columns),
                          args.tokens,
                          args.biasType,
                          stride,
                          args.accumulate};
  compute == Compute::Bf16 ? launch<1>(machine, tokens) : launch<3>(machine, tokens);
}

}  // namespace deltascope::kernels::cuda
