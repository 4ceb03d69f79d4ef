// SPDX-License-Identifier: Apache-2.0
// The small operations of a layer.
#include <algorithm>

#include "kernels/cuda/dependent.cuh"
#include "kernels/cuda/gates.cuh"
#include "kernels/cuda/heads.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/library.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kNormThreads = 512, kThreads = 256;

/// The sum over a block, in every thread; `scratch` holds a float a warp.
__device__ __forceinline__ float sumOfBlock(float value, float* scratch) {
  value = sumOfLanes(value);
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  value = sumOfLanes(lane < warps ? scratch[lane] : 0.0f);
  __syncthreads();
  return value;
}

__global__ void __launch_bounds__(kNormThreads) rmsNormKernel(const __grid_constant__ RmsNormArgs args) {
  __shared__ float scratch[kWarp];
  const float* x = args.x + static_cast<std::size_t>(blockIdx.x) * args.columns;
  float* y = args.y + static_cast<std::size_t>(blockIdx.x) * args.columns;
  float squares = 0;
  for (std::uint32_t c = threadIdx.x; c < args.columns; c += blockDim.x) squares = __fmaf_rn(x[c], x[c], squares);
  const float mean = __fdiv_rn(sumOfBlock(squares, scratch), static_cast<float>(args.columns));
  const float scale = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(mean, args.epsilon)));
  for (std::uint32_t c = threadIdx.x; c < args.columns; c += blockDim.x)
    y[c] = __fmul_rn(__fmul_rn(x[c], scale), normWeight(toFloat(args.weight, args.weightType, c), args.addOne));
}

/// A block a token.
__global__ void __launch_bounds__(kThreads) ropeKernel(const __grid_constant__ RopeArgs args) {
  const std::uint32_t half = (args.rotated ? args.rotated : args.headDim) / 2, token = blockIdx.x;
  float* x = args.x + static_cast<std::size_t>(token) * args.heads * args.headDim;
  for (std::uint32_t i = threadIdx.x; i < args.heads * half; i += kThreads) {
    const std::uint32_t head = i / half, j = i % half;
    float* pair = x + head * args.headDim + j;
    rotate(pair[0], pair[half], args.cosine[token * half + j], args.sine[token * half + j]);
  }
}

struct SiluMultiply {
  GateMultiplyArgs args;
  __device__ __forceinline__ void operator()(std::uint64_t i) const {
    args.out[i] = __fmul_rn(siluOf(args.gate[i]), args.up[i]);
  }
};
struct GeluMultiply {
  GateMultiplyArgs args;
  __device__ __forceinline__ void operator()(std::uint64_t i) const {
    args.out[i] = __fmul_rn(geluOf(args.gate[i]), args.up[i]);
  }
};
struct Scale {
  ScaleArgs args;
  __device__ __forceinline__ void operator()(std::uint64_t i) const { args.x[i] = __fmul_rn(args.factor, args.x[i]); }
};
struct AddScaled {
  AddScaledArgs args;
  __device__ __forceinline__ void operator()(std::uint64_t i) const {
    args.into[i] = __fadd_rn(args.into[i], __fmul_rn(args.factor, args.x[i]));
  }
};
struct SoftCap {
  SoftCapArgs args;
  __device__ __forceinline__ void operator()(std::uint64_t i) const { args.x[i] = capOf(args.x[i], args.cap); }
};

/// Rows that one launch adds: their numbers and weights come as its arguments.
constexpr std::uint32_t kRowsAtOnce = 256;
struct AddRows {
  const float* x;
  float* into;
  std::uint64_t columns;
  std::uint32_t rows[kRowsAtOnce];
  float weights[kRowsAtOnce];
};
/// Grid: columns, rows.
__global__ void __launch_bounds__(kThreads) addRowsKernel(const __grid_constant__ AddRows args) {
  letNextBegin();
  afterPrevious();
  const float* const x = args.x + blockIdx.y * args.columns;
  float* const into = args.into + args.rows[blockIdx.y] * args.columns;
  const float weight = args.weights[blockIdx.y];
  for (std::uint64_t c = blockIdx.x * kThreads + threadIdx.x; c < args.columns; c += std::uint64_t{gridDim.x} * kThreads)
    into[c] = __fadd_rn(into[c], __fmul_rn(weight, x[c]));
}

/// Of each number by itself.
template <class Operation>
__global__ void __launch_bounds__(kThreads) eachKernel(const __grid_constant__ Operation operation) {
  letNextBegin();
  afterPrevious();
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * kThreads;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * kThreads + threadIdx.x; i < operation.args.count; i += step)
    operation(i);
}
template <class Operation>
void ofEach(const Machine& machine, const Operation& operation) {
  if (operation.args.count == 0) return;
  const auto blocks = static_cast<unsigned>(
      std::clamp<std::uint64_t>((operation.args.count + kThreads - 1) / kThreads, 1, std::uint64_t{machine.processors} * 8));
  launchDependent(machine, eachKernel<Operation>, blocks, kThreads, 0, operation);
}

__device__ __forceinline__ std::size_t cacheIndex(const KvLayer& cache, std::uint32_t head, std::uint32_t position) {
  return (static_cast<std::size_t>(head) * cache.capacity + position) * cache.headDim;
}

/// A block a token and key-value head.
__global__ void __launch_bounds__(kWarp * 4)
    storeKvKernel(const __grid_constant__ StoreKvArgs args, const std::uint32_t* position) {
  const std::uint32_t token = blockIdx.x, head = blockIdx.y, at = *position + token;
  if (at >= args.cache.capacity) return;
  const std::size_t from = (static_cast<std::size_t>(token) * args.cache.kvHeads + head) * args.cache.headDim;
  const std::size_t to = cacheIndex(args.cache, head, at);
  for (std::uint32_t d = threadIdx.x; d < args.cache.headDim; d += blockDim.x) {
    fromFloat(args.cache.keys, args.cache.type, to + d, args.keys[from + d]);
    fromFloat(args.cache.values, args.cache.type, to + d, args.values[from + d]);
  }
}

/// A warp a token and head: first the query heads, then the keys, then the values.
__global__ void __launch_bounds__(kWarp * 4)
    prepareKernel(const __grid_constant__ AttendArgs args, const HeadTurn first, const std::uint32_t* position) {
  const KvLayer& cache = args.cache;
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t token = blockIdx.y, head = blockIdx.x * 4 + threadIdx.x / kWarp, at = *position + token;
  if (head >= args.heads + 2 * cache.kvHeads || at >= cache.capacity) return;
  const std::size_t keyRow = static_cast<std::size_t>(token) * cache.kvHeads;
  if (head >= args.heads + cache.kvHeads) {
    const std::uint32_t h = head - args.heads - cache.kvHeads;
    const float* v = args.v + (keyRow + h) * cache.headDim;
    const std::size_t to = cacheIndex(cache, h, at);
    for (std::uint32_t d = lane; d < cache.headDim; d += kWarp) fromFloat(cache.values, cache.type, to + d, v[d]);
    return;
  }
  const bool key = head >= args.heads;
  const std::uint32_t h = key ? head - args.heads : head;
  float* x =
      key ? args.k + (keyRow + h) * cache.headDim : args.q + (static_cast<std::size_t>(token) * args.heads + h) * cache.headDim;
  const HeadNorm norm{key ? args.keyNorm : args.queryNorm, args.normType, args.epsilon, args.addOne};
  const std::uint32_t angles = token * (first.elements / 2);
  const HeadTurn turn{first.cosine + angles, first.sine + angles, first.elements};
  const std::size_t to = cacheIndex(cache, h, at);
  rotateHead(x, cache.headDim, norm, turn, lane, [&](std::uint32_t d, float value) {
    if (key)
      fromFloat(cache.keys, cache.type, to + d, value);
    else
      x[d] = value;
  });
}

}  // namespace

int codeArchitecture() {
  cudaFuncAttributes attributes{};
  const bool found = cudaFuncGetAttributes(&attributes, ropeKernel) == cudaSuccess;
  static_cast<void>(cudaGetLastError());
  return found ? attributes.ptxVersion : 0;
}

void rmsNorm(const Machine& machine, const RmsNormArgs& args) {
  if (args.rows == 0) return;
  const unsigned threads = std::clamp((args.columns + kWarp - 1) / kWarp * kWarp, kWarp, kNormThreads);
  rmsNormKernel<<<args.rows, threads, 0, machine.stream>>>(args);
}

void rope(const Machine& machine, const RopeArgs& args) {
  if (args.tokens > 0) ropeKernel<<<args.tokens, kThreads, 0, machine.stream>>>(args);
}

void siluMultiply(const Machine& machine, const GateMultiplyArgs& args) { ofEach(machine, SiluMultiply{args}); }
void geluMultiply(const Machine& machine, const GateMultiplyArgs& args) { ofEach(machine, GeluMultiply{args}); }
void scale(const Machine& machine, const ScaleArgs& args) { ofEach(machine, Scale{args}); }
void addScaled(const Machine& machine, const AddScaledArgs& args) { ofEach(machine, AddScaled{args}); }
void softCap(const Machine& machine, const SoftCapArgs& args) { ofEach(machine, SoftCap{args}); }

void addRows(const Machine& machine, const AddRowsArgs& args) {
  if (args.columns == 0) return;
  const auto across = static_cast<unsigned>(std::clamp<std::uint64_t>((args.columns + kThreads - 1) / kThreads, 1, 64));
  for (std::uint64_t first = 0; first < args.count; first += kRowsAtOnce) {
    const auto count = static_cast<unsigned>(std::min<std::uint64_t>(kRowsAtOnce, args.count - first));
    AddRows rows{args.x + first * args.columns, args.into, args.columns, {}, {}};
    std::copy_n(args.rows + first, count, rows.rows);
    std::copy_n(args.weights + first, count, rows.weights);
    launchDependent(machine, addRowsKernel, dim3(across, count), kThreads, 0, rows);
  }
}

void storeKv(const Machine& machine, const StoreKvArgs& args, const std::uint32_t* position) {
  if (args.tokens > 0) storeKvKernel<<<dim3(args.tokens, args.cache.kvHeads), kWarp * 4, 0, machine.stream>>>(args, position);
}

void prepareHeads(const Machine& machine, const AttendArgs& args, const std::uint32_t* position) {
  const std::uint32_t heads = args.heads + 2 * args.cache.kvHeads;
  if (args.tokens == 0) return;
  prepareKernel<<<dim3((heads + 3) / 4, args.tokens), kWarp * 4, 0, machine.stream>>>(args, turnOf(args), position);
}

}  // namespace deltascope::kernels::cuda
