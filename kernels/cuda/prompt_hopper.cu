// SPDX-License-Identifier: Apache-2.0
// y = x · Wᵀ for many tokens on Hopper's warpgroup instructions, with the bits of prompt.cu and of productKernel. Level: shape.
//
// They add sixteen products as the warps' instructions do (checked on an H200, whatever the values, and by the self-test): all
// at once, so that their order does not matter. W comes in registers, as product.cuh's lanes have it; the parts of x are the
// rows of one second operand in shared memory: three times 64 tokens. Two warpgroups multiply; two others bring W and split x,
// some steps ahead.
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/prompt.h"
#include "kernels/cuda/tensor.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kGroups = 2, kBringers = 128 * kGroups, kThreads = 2 * kBringers;  // warpgroups of each kind
constexpr unsigned kRows = 64 * kGroups, kTokens = 64, kStep = 64,
                   kStages = 5;  // of a tile; columns of a step; steps in memory
/// Registers of a thread that brings and of one that multiplies: together those of a multiprocessor.
constexpr int kFewRegisters = 72, kManyRegisters = 184;
constexpr unsigned kRowBytes = kStep * 2, kWeightBytes = kRows * kRowBytes;
constexpr unsigned kUnitSteps = kUnitColumns / kStep, kInstructions = kStep / 16;

template <int kParts>
struct Shape {
  static constexpr unsigned kColumns = kParts * kTokens, kValues = kColumns / 2;  ///< of an instruction's result; a thread's
  /// Half the banks more than they need, so that lanes that write to two operands do not meet.
  static constexpr unsigned kOperandBytes = kColumns * 32 + 64, kXBytes = kInstructions * kOperandBytes;
  static constexpr unsigned kShared = kStages * (kWeightBytes + kXBytes);
};

/// Where piece `c` of 16 bytes of a row of W lies: pieces 0 … 3 of two rows in a row are in different banks, and 4 … 7.
__device__ __forceinline__ std::uint32_t pieceAt(std::uint32_t row, std::uint32_t c) {
  return row * kRowBytes + ((c ^ (row & 1) << 2) << 4);
}
__device__ __forceinline__ uint4 loadPiece(std::uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(address));
  return v;
}
/// Of an operand in blocks of eight rows by 16 bytes: 128 bytes apart by column, 256 by row.
__device__ __forceinline__ std::uint64_t describe(std::uint32_t address) {
  return static_cast<std::uint64_t>((address & 0x3ffff) >> 4) | std::uint64_t{128 >> 4} << 16 | std::uint64_t{256 >> 4} << 32;
}

#define D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define D16(i) D4(i), D4(i + 4), D4(i + 8), D4(i + 12)
__device__ __forceinline__ void multiply(float (&d)[96], const std::uint32_t (&a)[4], std::uint64_t b) {
#if __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile(
      "{.reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n192k16.f32.bf16.bf16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
      "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,"
      "%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,"
      "%92,%93,%94,%95}, {%96,%97,%98,%99}, %100, p, 1, 1, 0;}"
      : D16(0), D16(16), D16(32), D16(48), D16(64), D16(80)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)
      : "memory");
#endif
}
__device__ __forceinline__ void multiply(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b) {
#if __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile(
      "{.reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31},"
      "{%32,%33,%34,%35}, %36, p, 1, 1, 0;}"
      : D16(0), D16(16)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)
      : "memory");
#endif
}
#undef D16
#undef D4

__device__ __forceinline__ void beginMultiplying() {
#if __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void commitMultiplying() {
#if __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}
/// Until at most kLeft of the last groups are under way.
template <int kLeft>
__device__ __forceinline__ void waitMultiplying() {
#if __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kLeft) : "memory");
#endif
}
/// Sums are not moved past this.
template <unsigned kValues>
__device__ __forceinline__ void fence(float (&d)[kValues]) {
#pragma unroll
  for (unsigned i = 0; i < kValues; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

/// Barriers of a stage: `full` counts those who bring, each once for what it stored and once for its copies; `empty` the warps
/// that multiply.
struct Stages {
  std::uint64_t full[kStages], empty[kStages];
};
__device__ __forceinline__ void startBarrier(std::uint64_t& barrier, unsigned count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(&barrier)), "r"(count) : "memory");
}
__device__ __forceinline__ void arrive(std::uint64_t& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(sharedAddress(&barrier)) : "memory");
}
/// Once the thread's copies so far have come.
__device__ __forceinline__ void arriveWithCopies(std::uint64_t& barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(sharedAddress(&barrier)) : "memory");
}
/// Until the barrier's phase of this parity has ended.
__device__ __forceinline__ void await([[maybe_unused]] std::uint64_t& barrier, [[maybe_unused]] unsigned parity) {
#if __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("{.reg .pred p; again%=: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1; @!p bra again%=;}" ::"r"(
                   sharedAddress(&barrier)),
               "r"(parity)
               : "memory");
#endif
}
template <int kCount, bool kMore>
__device__ __forceinline__ void setRegisters() {
#if __CUDA_ARCH_FEAT_SM90_ALL
  if constexpr (kMore)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
  else
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
#endif
}

template <int kParts>
struct Block {
  const PromptArgs& args;
  std::uint32_t shared, row0, token0;

  [[nodiscard]] __device__ __forceinline__ std::uint32_t weightsAt(unsigned stage) const {
    return shared + stage * kWeightBytes;
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t xAt(unsigned stage, unsigned instruction) const {
    return shared + kStages * kWeightBytes + stage * Shape<kParts>::kXBytes + instruction * Shape<kParts>::kOperandBytes;
  }
  __device__ __forceinline__ void fetchWeights(unsigned stage, std::uint32_t column) const {
#pragma unroll
    for (unsigned i = 0; i < kRows * 8 / kBringers; ++i) {
      const unsigned piece = threadIdx.x + i * kBringers, row = piece >> 3, c = piece & 7;
      const bool valid = row0 + row < args.rows;
      const std::size_t at = (static_cast<std::size_t>(valid ? row0 + row : 0) * args.columns + column + c * 8) * 2;
      copyAhead(weightsAt(stage) + pieceAt(row, c), args.weights + at, valid);
    }
  }
  /// A thread has four columns of two chunks, of two tokens: 8t + 4m … 8t + 4m + 3, which belong to instruction m of the chunk.
  __device__ __forceinline__ void fetchX(std::uint32_t column, float4 (&next)[4]) const {
    const unsigned four = threadIdx.x & 7, token = threadIdx.x >> 3;
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t at = token0 + token + (i >> 1) * (kTokens / 2);
      const bool valid = at < args.tokens && column < args.columns;
      const auto* from = reinterpret_cast<const float4*>(args.x + static_cast<std::size_t>(at) * args.columns + column +
                                                         (i & 1) * kChunkColumns);
      next[i] = valid ? from[four] : make_float4(0, 0, 0, 0);
    }
  }
  __device__ __forceinline__ void storeX(unsigned stage, const float4 (&next)[4]) const {
    const unsigned four = threadIdx.x & 7, token = threadIdx.x >> 3;
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned at = token + (i >> 1) * (kTokens / 2);
      const std::uint32_t into = xAt(stage, (i & 1) * 2 + (four & 1)) + (at >> 3) * 256 + (at & 7) * 16 + (four >> 1) * 4;
      std::uint32_t words[2][kParts];
      splitPair<kParts>(next[i].x, next[i].y, words[0]);
      splitPair<kParts>(next[i].z, next[i].w, words[1]);
#pragma unroll
      for (unsigned half = 0; half < 2; ++half)
#pragma unroll
        for (int part = 0; part < kParts; ++part)
          asm volatile("st.shared.u32 [%0], %1;" ::"r"(into + part * (kTokens / 8) * 256 + half * 128), "r"(words[half][part])
                       : "memory");
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  /// Of a warp that multiplies.
  [[nodiscard]] __device__ __forceinline__ static std::uint32_t warpRow() { return (threadIdx.x - kBringers) / kWarp * 16; }
  using Operands = std::uint32_t[kInstructions][4];
  __device__ __forceinline__ void loadWeights(unsigned stage, Operands& a) const {
    const unsigned lane = threadIdx.x % kWarp, row = warpRow() + (lane >> 2);
#pragma unroll
    for (unsigned chunk = 0; chunk < kStep / kChunkColumns; ++chunk) {
      const uint4 u = loadPiece(weightsAt(stage) + pieceAt(row, chunk * 4 + (lane & 3)));
      const uint4 l = loadPiece(weightsAt(stage) + pieceAt(row + 8, chunk * 4 + (lane & 3)));
      a[2 * chunk][0] = u.x, a[2 * chunk][1] = l.x, a[2 * chunk][2] = u.y, a[2 * chunk][3] = l.y;
      a[2 * chunk + 1][0] = u.z, a[2 * chunk + 1][1] = l.z, a[2 * chunk + 1][2] = u.w, a[2 * chunk + 1][3] = l.w;
    }
  }
  __device__ __forceinline__ void store(const float (&totals)[kTokens / 2]) const {
    const unsigned lane = threadIdx.x % kWarp;
    const std::uint32_t row = row0 + warpRow() + (lane >> 2), token = token0 + (lane & 3) * 2;
#pragma unroll
    for (unsigned i = 0; i < kTokens / 2; ++i) {
      const std::uint32_t r = row + (i >> 1 & 1) * 8, at = token + (i >> 2) * 8 + (i & 1);
      if (r >= args.rows || at >= args.tokens) continue;
      float value = totals[i];
      if (args.bias) value += toFloat(args.bias, args.biasType, r);
      float& y = args.y[at * args.stride + r];
      y = args.accumulate ? y + value : value;
    }
  }
};

/// Steps in order, and where each lies: `parity` of the phase of its stage.
struct StepPlace {
  unsigned stage = 0, parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage < kStages) return;
    stage = 0;
    parity ^= 1;
  }
};

template <int kParts>
__device__ __forceinline__ void bring(const Block<kParts>& block, Stages& stages) {
  float4 next[4];
  block.fetchX(0, next);
  StepPlace place;
  for (std::uint32_t column = 0; column < block.args.columns; column += kStep, place.advance()) {
    await(stages.empty[place.stage], place.parity ^ 1);
    block.fetchWeights(place.stage, column);
    arriveWithCopies(stages.full[place.stage]);
    block.storeX(place.stage, next);
    arrive(stages.full[place.stage]);
    block.fetchX(column + kStep, next);
  }
}

template <int kParts>
__device__ __forceinline__ void multiplyAll(const Block<kParts>& block, Stages& stages) {
  constexpr unsigned kValues = Shape<kParts>::kValues;
  float sums[kValues], totals[kTokens / 2];
#pragma unroll
  for (unsigned i = 0; i < kTokens / 2; ++i) totals[i] = 0;
  const std::uint32_t rowUnits = block.args.columns / kUnitColumns;
  std::uint32_t step = 0;
  StepPlace place, before;
  const auto use = [&](typename Block<kParts>::Operands& a) {
    await(stages.full[place.stage], place.parity);
    block.loadWeights(place.stage, a);
    beginMultiplying();
#pragma unroll
    for (unsigned i = 0; i < kInstructions; ++i) multiply(sums, a[i], describe(block.xAt(place.stage, i)));
    commitMultiplying();
    waitMultiplying<1>();
    if (step > 0) {  // whose instructions have ended
      if (threadIdx.x % kWarp == 0) arrive(stages.empty[before.stage]);
      before.advance();
    }
    place.advance();
    ++step;
  };
  typename Block<kParts>::Operands even, odd;
  for (std::uint32_t slice = 0; slice < kProductWarps; ++slice) {
    const std::uint32_t end = sliceBegin(rowUnits, slice + 1) * kUnitSteps;
    if (step == end) continue;  // fewer columns than slices
#pragma unroll
    for (unsigned i = 0; i < kValues; ++i) sums[i] = 0;
    fence(sums);
#pragma unroll 1
    while (step < end) {  // an even number of steps
      use(even);
      use(odd);
    }
    waitMultiplying<0>();
    fence(sums);
#pragma unroll
    for (unsigned i = 0; i < kTokens / 2; ++i) {
      if constexpr (kParts == 1)
        totals[i] += sums[i];
      else
        totals[i] += sums[i] + (sums[i + kTokens / 2] + sums[i + kTokens]);
    }
  }
  block.store(totals);
}

/// Grid: tiles of tokens, of rows: blocks that read the same rows run at about the same time.
template <int kParts>
__global__ void __launch_bounds__(kThreads, 1) hopperKernel(const __grid_constant__ PromptArgs args) {
  extern __shared__ __align__(128) std::uint8_t memory[];
  __shared__ Stages stages;
  if (threadIdx.x == 0)
    for (unsigned stage = 0; stage < kStages; ++stage) {
      startBarrier(stages.full[stage], 2 * kBringers);
      startBarrier(stages.empty[stage], kBringers / kWarp);
    }
  __syncthreads();
  const Block<kParts> block{args, sharedAddress(memory), blockIdx.y * kRows, blockIdx.x * kTokens};
  if (threadIdx.x < kBringers) {
    setRegisters<kFewRegisters, false>();
    bring(block, stages);
  } else {
    setRegisters<kManyRegisters, true>();
    multiplyAll(block, stages);
  }
}

template <int kParts>
void launch(const Machine& machine, const PromptArgs& args) {
  constexpr auto shared = static_cast<int>(Shape<kParts>::kShared);
  cudaFuncSetAttribute(hopperKernel<kParts>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
  const dim3 grid((args.tokens + kTokens - 1) / kTokens, (args.rows + kRows - 1) / kRows);
  hopperKernel<kParts><<<grid, kThreads, shared, machine.stream>>>(args);
}

}  // namespace

void promptOnHopper(const Machine& machine, Compute compute, const PromptArgs& args) {
  compute == Compute::Bf16 ? launch<1>(machine, args) : launch<3>(machine, args);
}

}  // namespace deltascope::kernels::cuda
