// SPDX-License-Identifier: Apache-2.0
// Attention of a prompt's tokens, with the bits of attention.cu. Level: shape.
//
// A block has the query heads of one key-value head of a few tokens: up to 32 rows. It goes through the cache span by span, as
// attention.cu does for each row alone; keys and values come to shared memory once for all rows. A thread works a dot out alone
// where a warp would: 32 sums of every 32nd product, added as sumOfLanes() adds them.
#include "kernels/cuda/attention.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / kWarp, kSpan = kAttentionSpan;
constexpr unsigned kRows = 32, kDotRows = kRows * kSpan / kThreads;  ///< of a block; of a thread, all for one position
constexpr unsigned kScoreStride = kRows + 4;                         ///< so that neighbours read different banks

struct RowState {
  float ownMost, ownSum;       ///< of the segment
  float allMost, allSum;       ///< of those before
  float keepOwn, takeSpan;     ///< what the span's values and those before it are multiplied with
  float keepAll, takeSegment;  ///< the same where a segment ends here
  std::uint32_t positions;     ///< of the span
  bool endsSegment;
};

template <unsigned kDim>
struct Shared {
  static constexpr unsigned kEach = kDim / kWarp, kKeyStride = kDim + kEach;
  alignas(16) float q[kRows][kDim];  ///< element 32 j + l at kEach l + j, as in keys
  alignas(16) float keys[kSpan][kKeyStride];
  alignas(16) float values[kSpan][kDim];
  alignas(16) float scores[kSpan][kScoreStride];
  RowState rows[kRows];
};

template <unsigned kEach>
struct Several {
  float v[kEach];
};
template <unsigned kEach>
__device__ __forceinline__ Several<kEach> loadSeveral(const float* p) {
  if constexpr (kEach == 4) {
    const float4 v = *reinterpret_cast<const float4*>(p);
    return {{v.x, v.y, v.z, v.w}};
  } else {
    const float2 v = *reinterpret_cast<const float2*>(p);
    return {{v.x, v.y}};
  }
}
template <unsigned kEach>
__device__ __forceinline__ void storeSeveral(float* p, const Several<kEach>& s) {
  if constexpr (kEach == 4)
    *reinterpret_cast<float4*>(p) = make_float4(s.v[0], s.v[1], s.v[2], s.v[3]);
  else
    *reinterpret_cast<float2*>(p) = make_float2(s.v[0], s.v[1]);
}

/// Dots of kDotRows rows with one key. Sums of lanes l and l + 16 are added first, then those 8 apart, and so on: a tree, whose
/// leaves come in an order in which a few sums a row are held. Its two last levels are a loop, so that registers suffice.
template <unsigned kDim>
__device__ __forceinline__ void dots(const Shared<kDim>& shared, unsigned row0, unsigned position, float (&result)[kDotRows]) {
  constexpr unsigned kEach = Shared<kDim>::kEach, kLevels = 3;
  float pair[kDotRows], four[kDotRows];
#pragma unroll 1
  for (unsigned b = 0; b < 4; ++b) {
    const unsigned first = (b & 1) << 1 | b >> 1;
    const float* const key = &shared.keys[position][first * kEach];
    const float* const query = &shared.q[row0][first * kEach];
    float held[kLevels][kDotRows];
#pragma unroll
    for (unsigned i = 0; i < 8; ++i) {
      const unsigned l = (i & 1) << 4 | (i & 2) << 2 | (i & 4);
      const auto k = loadSeveral<kEach>(key + l * kEach);
#pragma unroll
      for (unsigned r = 0; r < kDotRows; ++r) {
        const auto q = loadSeveral<kEach>(query + r * kDim + l * kEach);
        float sum = 0;
#pragma unroll
        for (unsigned j = 0; j < kEach; ++j) sum = __fmaf_rn(q.v[j], k.v[j], sum);
#pragma unroll
        for (unsigned level = 0; level < kLevels; ++level) {
          if ((i >> level & 1) == 0) {
            held[level][r] = sum;
            break;
          }
          sum = __fadd_rn(held[level][r], sum);
        }
        if (i == 7) result[r] = sum;
      }
    }
#pragma unroll
    for (unsigned r = 0; r < kDotRows; ++r) {
      if ((b & 1) == 0) {
        pair[r] = result[r];
        continue;
      }
      result[r] = __fadd_rn(pair[r], result[r]);
      if (b == 1)
        four[r] = result[r];
      else
        result[r] = __fadd_rn(four[r], result[r]);
    }
  }
}

/// One row's span: scores to exponentials, and the factors that its sums are merged with.
template <unsigned kDim>
__device__ __forceinline__ void weigh(Shared<kDim>& shared, unsigned row, unsigned lane, float softCap, bool segmentEnds) {
  RowState& state = shared.rows[row];
  const std::uint32_t n = state.positions;
  if (n == 0) return;
  float score[2], top = -INFINITY, sum = 0;
#pragma unroll
  for (unsigned i = 0; i < 2; ++i)
    if (const unsigned p = lane + kWarp * i; p < n) {
      score[i] = shared.scores[p][row];
      if (softCap > 0) score[i] = capOf(score[i], softCap);
      top = fmaxf(top, score[i]);
    }
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, distance));
#pragma unroll
  for (unsigned i = 0; i < 2; ++i)
    if (const unsigned p = lane + kWarp * i; p < n) {
      const float e = expf(__fsub_rn(score[i], top));
      shared.scores[p][row] = e;
      sum += e;
    }
  sum = sumOfLanes(sum);
  if (lane != 0) return;
  const float most = fmaxf(state.ownMost, top);
  state.keepOwn = ratio(state.ownMost, most);
  state.takeSpan = ratio(top, most);
  state.ownSum = __fadd_rn(__fmul_rn(state.ownSum, state.keepOwn), __fmul_rn(sum, state.takeSpan));
  state.ownMost = most;
  state.endsSegment = segmentEnds;
  if (!segmentEnds) return;
  const float all = fmaxf(state.allMost, state.ownMost);
  state.keepAll = ratio(state.allMost, all);
  state.takeSegment = ratio(state.ownMost, all);
  state.allSum = __fadd_rn(__fmul_rn(state.allSum, state.keepAll), __fmul_rn(state.ownSum, state.takeSegment));
  state.allMost = all;
  state.ownMost = -INFINITY;
  state.ownSum = 0;
}

/// Grid: tiles of tokens, the last first; key-value heads.
template <unsigned kDim, ElementType kType>
__global__ void __launch_bounds__(kThreads, 2) promptKernel(const __grid_constant__ PromptAttention args) {
  extern __shared__ __align__(16) std::uint8_t memory[];
  auto& shared = *reinterpret_cast<Shared<kDim>*>(memory);
  constexpr unsigned kEach = Shared<kDim>::kEach, kParts = kThreads / kDim, kOwn = kRows / kParts;
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const KvLayer& cache = args.cache;
  const std::uint32_t perKey = args.heads / cache.kvHeads, together = kRows / perKey, kvHead = blockIdx.y;
  const std::uint32_t token0 = (gridDim.x - 1 - blockIdx.x) * together, first = *args.position;
  const std::uint32_t tokens = min(together, args.tokens - token0), rows = tokens * perKey;
  const std::uint32_t end = first + token0 + tokens;
  if (end > cache.capacity) return;
  const auto rowAt = [&](unsigned row) {  // of q and out
    return (static_cast<std::size_t>(token0 + row / perKey) * args.heads + kvHead * perKey + row % perKey) * kDim;
  };
  for (unsigned i = threadIdx.x; i < kRows * kWarp; i += kThreads) {
    const unsigned row = i / kWarp, l = i % kWarp;
    Several<kEach> q{};
    if (row < rows)
#pragma unroll
      for (unsigned j = 0; j < kEach; ++j) q.v[j] = args.q[rowAt(row) + j * kWarp + l];
    storeSeveral<kEach>(&shared.q[row][l * kEach], q);
  }
  if (threadIdx.x < kRows) shared.rows[threadIdx.x] = {-INFINITY, 0, -INFINITY, 0, 0, 0, 0, 0, 0, false};

  const unsigned d = threadIdx.x % kDim, ownRow = threadIdx.x / kDim * kOwn;
  float own[kOwn] = {}, all[kOwn] = {};
  const std::size_t base = static_cast<std::size_t>(kvHead) * cache.capacity * kDim;
  for (std::uint32_t begin = 0; begin < end; begin += kSpan) {
    const std::uint32_t held = min(kSpan, end - begin);
    __syncthreads();  // the span before is done with
    for (unsigned i = threadIdx.x; i < held * kWarp; i += kThreads) {
      const unsigned p = i / kWarp, l = i % kWarp;
      const std::size_t at = base + static_cast<std::size_t>(begin + p) * kDim + l;
      Several<kEach> k, v;
#pragma unroll
      for (unsigned j = 0; j < kEach; ++j) k.v[j] = cached<kType>(cache.keys, at + j * kWarp);
#pragma unroll
      for (unsigned j = 0; j < kEach; ++j) v.v[j] = cached<kType>(cache.values, at + j * kWarp);
      storeSeveral<kEach>(&shared.keys[p][l * kEach], k);
#pragma unroll
      for (unsigned j = 0; j < kEach; ++j) shared.values[p][j * kWarp + l] = v.v[j];
    }
    if (threadIdx.x < kRows) {
      const std::uint32_t own = first + token0 + threadIdx.x / perKey + 1;  // positions that the row sees
      shared.rows[threadIdx.x].positions = threadIdx.x < rows && own > begin ? min(kSpan, own - begin) : 0;
    }
    __syncthreads();
    {
      const unsigned p = threadIdx.x % kSpan, row0 = threadIdx.x / kSpan * kDotRows;
      float result[kDotRows];
      dots(shared, row0, p, result);
#pragma unroll
      for (unsigned r = 0; r < kDotRows; r += 4)
        *reinterpret_cast<float4*>(&shared.scores[p][row0 + r]) =
            make_float4(__fmul_rn(result[r], args.scale), __fmul_rn(result[r + 1], args.scale),
                        __fmul_rn(result[r + 2], args.scale), __fmul_rn(result[r + 3], args.scale));
    }
    __syncthreads();
    for (unsigned row = warp; row < rows; row += kWarps) {
      const std::uint32_t sees = first + token0 + row / perKey + 1;
      weigh(shared, row, lane, args.softCap, (begin + kSpan) % args.segmentLength == 0 || begin + kSpan >= sees);
    }
    __syncthreads();
    float sums[kOwn] = {};
    const std::uint32_t common = min(kSpan, first + token0 + 1 > begin ? first + token0 + 1 - begin : 0);  // that all rows see
    const auto add = [&](std::uint32_t p, auto&& sees) {
      const float v = shared.values[p][d];
#pragma unroll
      for (unsigned r = 0; r < kOwn; r += 4) {
        const float4 e = *reinterpret_cast<const float4*>(&shared.scores[p][ownRow + r]);
        if (sees(r)) sums[r] = __fmaf_rn(e.x, v, sums[r]);
        if (sees(r + 1)) sums[r + 1] = __fmaf_rn(e.y, v, sums[r + 1]);
        if (sees(r + 2)) sums[r + 2] = __fmaf_rn(e.z, v, sums[r + 2]);
        if (sees(r + 3)) sums[r + 3] = __fmaf_rn(e.w, v, sums[r + 3]);
      }
    };
#pragma unroll 4
    for (std::uint32_t p = 0; p < common; ++p) add(p, [](unsigned) { return true; });
#pragma unroll 1
    for (std::uint32_t p = common; p < held; ++p) add(p, [&](unsigned r) { return p < shared.rows[ownRow + r].positions; });
#pragma unroll
    for (unsigned r = 0; r < kOwn; ++r) {
      const RowState& state = shared.rows[ownRow + r];
      if (state.positions == 0) continue;
      own[r] = __fadd_rn(__fmul_rn(own[r], state.keepOwn), __fmul_rn(sums[r], state.takeSpan));
      if (!state.endsSegment) continue;
      all[r] = __fadd_rn(__fmul_rn(all[r], state.keepAll), __fmul_rn(own[r], state.takeSegment));
      own[r] = 0;
    }
  }
#pragma unroll
  for (unsigned r = 0; r < kOwn; ++r)
    if (ownRow + r < rows) args.out[rowAt(ownRow + r) + d] = __fdiv_rn(all[r], shared.rows[ownRow + r].allSum);
}

template <unsigned kDim>
void launch(const Machine& machine, const PromptAttention& args) {
  auto* const kernel =
      args.cache.type == ElementType::F32 ? promptKernel<kDim, ElementType::F32> : promptKernel<kDim, ElementType::BF16>;
  constexpr auto bytes = static_cast<int>(sizeof(Shared<kDim>));
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  const std::uint32_t together = kRows / (args.heads / args.cache.kvHeads);
  kernel<<<dim3((args.tokens + together - 1) / together, args.cache.kvHeads), kThreads, bytes, machine.stream>>>(args);
}

}  // namespace

bool attendPrompt(const Machine& machine, const PromptAttention& args) {
  if (args.heads / args.cache.kvHeads > kRows || args.cache.type == ElementType::F16 || args.segmentLength % kSpan != 0)
    return false;
  if (args.cache.headDim == 128)
    launch<128>(machine, args);
  else if (args.cache.headDim == 64)
    launch<64>(machine, args);
  else
    return false;
  return true;
}

}  // namespace deltascope::kernels::cuda
