// SPDX-License-Identifier: Apache-2.0
// Products without tensor cores, look-ups, and dequantization: any type and size.
#include <algorithm>
#include <array>

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/launch.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / kWarp;
constexpr unsigned kTokensAtOnce = 4;

struct PlainArgs {
  const void* elements;
  const float* x;
  float* y;
  const void* bias;
  std::uint64_t rows, columns, stride;
  std::uint32_t tokens;
  ElementType type, biasType;
  bool accumulate;
};

/// A warp a row; lane l adds the columns 32k + l in ascending order.
__global__ void __launch_bounds__(kThreads) plainKernel(const __grid_constant__ PlainArgs args) {
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint64_t row = static_cast<std::uint64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (row >= args.rows) return;
  const std::uint32_t token0 = blockIdx.y * kTokensAtOnce;
  float sums[kTokensAtOnce] = {};
  for (std::uint64_t c = lane; c < args.columns; c += kWarp) {
    const float w = toFloat(args.elements, args.type, row * args.columns + c);
#pragma unroll
    for (unsigned t = 0; t < kTokensAtOnce; ++t)
      if (token0 + t < args.tokens) sums[t] = __fmaf_rn(args.x[(token0 + t) * args.columns + c], w, sums[t]);
  }
#pragma unroll
  for (unsigned t = 0; t < kTokensAtOnce; ++t) {
    float sum = sumOfLanes(sums[t]);
    if (lane != 0 || token0 + t >= args.tokens) continue;
    if (args.bias) sum += toFloat(args.bias, args.biasType, row);
    float& y = args.y[(token0 + t) * args.stride + row];
    y = args.accumulate ? y + sum : sum;
  }
}

struct Dequantize {
  const std::uint8_t* codes;
  const float* scales;
  std::uint64_t group, first, count;
  float values[16];
  bool int8;
  ElementType type;
};

__global__ void __launch_bounds__(kThreads) dequantizeKernel(const __grid_constant__ Dequantize args, void* into) {
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * kThreads;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * kThreads + threadIdx.x; i < args.count; i += step) {
    const std::uint64_t e = args.first + i;
    const float scale = args.scales[e / args.group];
    float value;
    if (args.int8) {
      const auto q = static_cast<float>(static_cast<std::int8_t>(args.codes[e]));
      value = __fmul_rn(__fmul_rn(q, scale), 1.0f / 127);
    } else {
      const unsigned code = e & 1 ? args.codes[e / 2] & 15u : args.codes[e / 2] >> 4;
      value = __fmul_rn(args.values[code], scale);
    }
    fromFloat(into, args.type, i, value);
  }
}

__global__ void __launch_bounds__(kThreads)
    gatherKernel(const void* elements, ElementType type, const std::uint32_t* rows, std::uint32_t columns, float* into) {
  const std::size_t from = static_cast<std::size_t>(rows[blockIdx.y]) * columns;
  const std::size_t to = static_cast<std::size_t>(blockIdx.y) * columns;
  for (std::uint32_t c = blockIdx.x * kThreads + threadIdx.x; c < columns; c += gridDim.x * kThreads)
    into[to + c] = toFloat(elements, type, from + c);
}

__global__ void __launch_bounds__(kThreads)
    widenKernel(const void* elements, ElementType type, std::uint64_t count, float* into) {
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * kThreads;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count; i += step)
    into[i] = toFloat(elements, type, i);
}

[[nodiscard]] unsigned blocksFor(const Machine& machine, std::uint64_t count) {
  return static_cast<unsigned>(
      std::clamp<std::uint64_t>((count + kThreads - 1) / kThreads, 1, std::uint64_t{machine.processors} * 16));
}

}  // namespace

void plainProduct(const Machine& machine, const MatmulArgs& args, std::uint64_t stride) {
  const Matrix& w = args.weight;
  const PlainArgs plain{w.elements, args.x,      args.y, args.bias,     w.rows,         w.columns,
                        stride,     args.tokens, w.type, args.biasType, args.accumulate};
  const dim3 grid(static_cast<unsigned>((w.rows + kWarps - 1) / kWarps), (args.tokens + kTokensAtOnce - 1) / kTokensAtOnce);
  plainKernel<<<grid, kThreads, 0, machine.stream>>>(plain);
}

void dequantize(const Machine& machine, const Matrix& matrix, std::uint64_t first, std::uint64_t count, void* into) {
  if (count == 0) return;
  const bool int8 = matrix.form == Matrix::Form::Int8;
  Dequantize args{matrix.codes, matrix.scales, int8 ? matrix.columns : matrix.group, first, count, {}, int8, matrix.type};
  if (!int8) std::copy_n(matrix.values, 16, args.values);
  dequantizeKernel<<<blocksFor(machine, count), kThreads, 0, machine.stream>>>(args, into);
}

void gatherRows(const Machine& machine, const Matrix& table, const std::uint32_t* rows, std::uint32_t count, float* into) {
  const dim3 grid(static_cast<unsigned>(std::clamp<std::uint64_t>(table.columns / kThreads, 1, 32)), count);
  gatherKernel<<<grid, kThreads, 0, machine.stream>>>(table.elements, table.type, rows,
                                                      static_cast<std::uint32_t>(table.columns), into);
}

void widen(const Machine& machine, ElementType type, const void* elements, std::uint64_t count, float* into) {
  if (count > 0) widenKernel<<<blocksFor(machine, count), kThreads, 0, machine.stream>>>(elements, type, count, into);
}

}  // namespace deltascope::kernels::cuda
