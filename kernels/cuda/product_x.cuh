// SPDX-License-Identifier: Apache-2.0
#pragma once
/// x of up to eight tokens as columns of tensor-core operands, in shared memory.
///
/// Each token is up to three BF16 parts that add up to it, and each part is a column. A column's sums do not depend on what its
/// neighbours hold, so tokens can share a tile of eight columns: two fit one tile, five fit two, eight fit three; rounded to
/// BF16, in one part, eight fit one.
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/warp.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kProductWarps = 16, kProductThreads = kProductWarps * kWarp;
/// Between columns, so that lanes of two columns read different banks.
inline constexpr std::uint32_t kPartPadding = 64;
inline constexpr int kMostTiles = 3;

/// Up to kTokens tokens of kParts parts each.
template <int kParts, unsigned kTokens>
struct XColumns {
  static constexpr unsigned kRows = kParts * kTokens;  ///< columns in use, each a row of shared memory
  static constexpr int kTiles = (kRows + 7) / 8;
  static_assert(kParts == 1 ? kTokens == 8 : kTokens == 1 || kTokens == 2 || kTokens == 5 || kTokens == 8);

  /// Which column a part is. Parts 0 and 1 of a token lie in one lane's pair of results.
  [[nodiscard]] __host__ __device__ static constexpr unsigned of(unsigned token, unsigned part) {
    if constexpr (kParts == 1) return token;
    if constexpr (kTokens == 1) return part;
    if (part < 2) return (token < 4 ? 2 * token : 8 + 2 * (token - 4)) + part;
    if constexpr (kTokens == 2) return 4 + token;
    if constexpr (kTokens == 5) return token == 0 ? 10 : token == 4 ? 11 : 11 + token;
    return token < 4 ? 16 + 2 * token : 17 + 2 * (token - 4);
  }
};

struct XArgs {
  const float* x;          ///< [tokens][columns]
  const void* normWeight;  ///< not null: x is normed first, as rmsNorm() does it
  ElementType normType;
  float epsilon;
  bool addOne;
  std::uint32_t tokens, columns;
  std::uint32_t at[kMostTiles];  ///< of each tile's columns, in shared memory
  bool raw;                      ///< x has room, as it is, where sums will be
};

/// Of the sums' memory before there are sums: a float a warp and token, then one a token.
inline constexpr std::uint32_t kXScratch = (8 * kProductWarps + 8) * 4;

namespace detail {

/// What rmsNorm() multiplies each token with before the weight: the same sums in the same order, by as many threads.
template <unsigned kTokens>
__device__ __forceinline__ void normScales(const float* x, const XArgs& args, float* scratch) {
  float squares[kTokens] = {};
#pragma unroll kTokens> 2 ? 2 : 4
  for (std::uint32_t c = threadIdx.x; c < args.columns; c += kProductThreads)
#pragma unroll
    for (unsigned k = 0; k < kTokens; ++k)
      if (k < args.tokens) {
        const float v = x[std::size_t{k} * args.columns + c];
        squares[k] = __fmaf_rn(v, v, squares[k]);
      }
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
#pragma unroll
  for (unsigned k = 0; k < kTokens; ++k) {
    const float sum = sumOfLanes(squares[k]);
    if (lane == 0) scratch[k * kProductWarps + warp] = sum;
  }
  __syncthreads();
  if (warp < kTokens) {
    const float sum = sumOfLanes(lane < kProductWarps ? scratch[warp * kProductWarps + lane] : 0.0f);
    const float mean = __fdiv_rn(sum, static_cast<float>(args.columns));
    if (lane == 0) scratch[kTokens * kProductWarps + warp] = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(mean, args.epsilon)));
  }
  __syncthreads();
}

__device__ __forceinline__ void normEight(float (&x)[8], const XArgs& args, float scale, std::uint32_t column) {
  if (args.normType == ElementType::BF16) {
    const uint4 n = *reinterpret_cast<const uint4*>(static_cast<const std::uint16_t*>(args.normWeight) + column);
    const std::uint32_t w[4] = {n.x, n.y, n.z, n.w};
#pragma unroll
    for (unsigned j = 0; j < 8; ++j)
      x[j] = __fmul_rn(__fmul_rn(x[j], scale), normWeight(j & 1 ? highOf(w[j / 2]) : lowOf(w[j / 2]), args.addOne));
  } else {
#pragma unroll
    for (unsigned j = 0; j < 8; ++j)
      x[j] = __fmul_rn(__fmul_rn(x[j], scale), normWeight(toFloat(args.normWeight, args.normType, column + j), args.addOne));
  }
}

/// Columns [first, first + count) of x to shared memory, in parts; `stride`: bytes between parts.
template <int kParts, unsigned kTokens>
__device__ __forceinline__ void stageX(const XArgs& args, std::uint32_t first, std::uint32_t count, std::uint8_t* shared,
                                       std::uint32_t stride, float* scratch) {
  using Columns = XColumns<kParts, kTokens>;
  const float* x = args.x + first;
  std::uint32_t columns = args.columns;
  if (args.raw) {  // all of it under way at once, while registers hold weights
    auto* const raw = reinterpret_cast<float*>(reinterpret_cast<std::uint8_t*>(scratch) + kXScratch);
    if (!args.normWeight) columns = count;
    const float* const from = args.normWeight ? args.x : x;
    const std::uint32_t into = sharedAddress(raw);
    for (std::uint32_t token = 0; token < args.tokens; ++token)
      for (std::uint32_t i = threadIdx.x; i < columns / 4; i += kProductThreads)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(into + (token * (columns / 4) + i) * 16),
                     "l"(from + std::size_t{token} * args.columns + i * 4)
                     : "memory");
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncthreads();
    if (args.normWeight) normScales<kTokens>(raw, args, scratch);
    x = args.normWeight ? raw + first : raw;
  } else if (args.normWeight) {
    normScales<kTokens>(args.x, args, scratch);
  }
  const float* scales = scratch + kTokens * kProductWarps;
  const std::uint32_t eights = count / 8, total = args.tokens * eights;
  constexpr unsigned kEach = 2;
  for (std::uint32_t begin = threadIdx.x; begin < total; begin += kEach * kProductThreads) {
    float4 v[kEach][2];
#pragma unroll
    for (unsigned k = 0; k < kEach; ++k)
      if (const std::uint32_t i = begin + k * kProductThreads; i < total) {
        const std::uint32_t token = kTokens == 1 ? 0 : i / eights, e = i - token * eights;
        const auto* from = reinterpret_cast<const float4*>(x + std::size_t{token} * columns + e * 8);
        v[k][0] = from[0];
        v[k][1] = from[1];
      }
#pragma unroll
    for (unsigned k = 0; k < kEach; ++k)
      if (const std::uint32_t i = begin + k * kProductThreads; i < total) {
        const std::uint32_t token = kTokens == 1 ? 0 : i / eights, e = i - token * eights;
        float eight[8] = {v[k][0].x, v[k][0].y, v[k][0].z, v[k][0].w, v[k][1].x, v[k][1].y, v[k][1].z, v[k][1].w};
        if (args.normWeight) normEight(eight, args, scales[token], first + e * 8);
        std::uint32_t w[4][kParts];
#pragma unroll
        for (unsigned j = 0; j < 4; ++j) splitPair<kParts>(eight[2 * j], eight[2 * j + 1], w[j]);
#pragma unroll
        for (int p = 0; p < kParts; ++p) {
          const std::uint32_t column = Columns::of(token, p);
          std::uint32_t at = args.at[0];
#pragma unroll
          for (int n = 1; n < Columns::kTiles; ++n)
            if (column >= 8u * n) at = args.at[n];
          *reinterpret_cast<uint4*>(shared + at + (column & 7) * stride + e * 16) =
              make_uint4(w[0][p], w[1][p], w[2][p], w[3][p]);
        }
      }
  }
}

}  // namespace detail
}  // namespace deltascope::kernels::cuda
