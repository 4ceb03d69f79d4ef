// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What attention's kernels of a few tokens share: their arguments, and the steps that they all do alike.
#include <cmath>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/dependent.cuh"
#include "kernels/cuda/gates.cuh"
#include "kernels/cuda/heads.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kAttentionThreads = 256, kAttentionWarps = kAttentionThreads / kWarp;
inline constexpr std::uint32_t kMostHeads = 4;  ///< query heads of one key-value head that are done together

/// For one token: what comes before the attention itself.
struct Preparation {
  float* k;
  const float* v;
  const void *queryNorm, *keyNorm;
  ElementType normType;
  float epsilon;
  bool addOne;
  HeadTurn turn;
};

struct AttentionWork {
  const float* q;
  float* out;
  KvLayer cache;
  const std::uint32_t* position;
  float* partial;          ///< [tokens, heads, segments, 2 + headDim]: maximum, sum, values
  std::uint32_t* arrived;  ///< [tokens, kvHeads · groups], zero between calls
  std::uint32_t heads, window, segmentLength, segments;
  std::uint32_t tokens, before;  ///< of the launch; of the pass before those
  float scale, softCap;
  const std::byte* ahead;  ///< brought to the second cache meanwhile
  std::uint64_t aheadBytes;
  Preparation prepare;  ///< k null: everything is in place
};

/// e^(a − b) where a ≤ b, and 0 where nothing was seen.
__device__ __forceinline__ float ratio(float a, float b) { return a == -INFINITY ? 0.0f : expf(__fsub_rn(a, b)); }

/// An element of the cache, whose type is known when this is compiled, so that loads go ahead of their use.
template <ElementType kType>
[[nodiscard]] __device__ __forceinline__ float cached(const void* p, std::size_t i) {
  if constexpr (kType == ElementType::F32)
    return static_cast<const float*>(p)[i];
  else
    return __uint_as_float(static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(p)[i]) << 16);
}

/// One token's heads: query heads to putQuery(head, d, value), and where it `stores` key and value to the cache, and to
/// putKey(d, value) and putValue(d, value).
template <std::uint32_t kHeads, class PutQuery, class PutKey, class PutValue>
__device__ void prepareToken(const AttentionWork& args, std::uint32_t kvHead, std::uint32_t head0, std::uint32_t count,
                             std::uint32_t position, bool stores, PutQuery&& putQuery, PutKey&& putKey, PutValue&& putValue) {
  const Preparation& p = args.prepare;
  const KvLayer& cache = args.cache;
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::size_t place = (static_cast<std::size_t>(kvHead) * cache.capacity + position) * cache.headDim;
  if (warp < count)
    rotateHead(args.q + (head0 + warp) * cache.headDim, cache.headDim, {p.queryNorm, p.normType, p.epsilon, p.addOne}, p.turn,
               lane, [&](std::uint32_t d, float value) { putQuery(warp, d, value); });
  else if (warp == kHeads && stores)
    rotateHead(p.k + kvHead * cache.headDim, cache.headDim, {p.keyNorm, p.normType, p.epsilon, p.addOne}, p.turn, lane,
               [&](std::uint32_t d, float value) {
                 fromFloat(cache.keys, cache.type, place + d, value);
                 putKey(d, value);
               });
  else if (warp == kHeads + 1 && stores)
    for (std::uint32_t d = lane; d < cache.headDim; d += kWarp) {
      const float value = p.v[kvHead * cache.headDim + d];
      fromFloat(cache.values, cache.type, place + d, value);
      putValue(d, value);
    }
}

/// A warp's: `n` scores to exponentials, of their caps where there is one, their maximum and sum to where they are wanted.
__device__ __forceinline__ void weighScores(float* scores, std::uint32_t n, float softCap, float& most, float& sum) {
  const unsigned lane = threadIdx.x % kWarp;
  float top = -INFINITY, total = 0;
  if (softCap > 0)
    for (std::uint32_t p = lane; p < n; p += kWarp) scores[p] = capOf(scores[p], softCap);
  for (std::uint32_t p = lane; p < n; p += kWarp) top = fmaxf(top, scores[p]);
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, distance));
  for (std::uint32_t p = lane; p < n; p += kWarp) {
    const float e = expf(__fsub_rn(scores[p], top));
    scores[p] = e;
    total += e;
  }
  total = sumOfLanes(total);
  if (lane == 0) most = top, sum = total;
}

/// What the next kernel reads, to the second cache: memory has little else to do.
__device__ __forceinline__ void bringNearer(const AttentionWork& args) {
  constexpr std::uint64_t kLine = 128;
  const std::uint64_t threads = std::uint64_t{gridDim.x} * gridDim.y * kAttentionThreads;
  const std::uint64_t own = (std::uint64_t{blockIdx.y} * gridDim.x + blockIdx.x) * kAttentionThreads + threadIdx.x;
  for (std::uint64_t at = own * kLine; at < args.aheadBytes; at += threads * kLine)
    asm volatile("prefetch.global.L2 [%0];" ::"l"(args.ahead + at));
}

/// What a block of a split launch works at: a segment of one token's positions, for some query heads of a key-value head.
struct SegmentPlace {
  std::uint32_t kvHead, head0, count, token, end, from, first, last;

  /// `heads`: that a block does together.
  __device__ __forceinline__ SegmentPlace(const AttentionWork& args, std::uint32_t heads) {
    const std::uint32_t perKey = args.heads / args.cache.kvHeads, groups = (perKey + heads - 1) / heads;
    const std::uint32_t group = blockIdx.y % groups;
    kvHead = blockIdx.y / groups;
    head0 = kvHead * perKey + group * heads;
    count = min(heads, perKey - group * heads);
    token = blockIdx.z;
    end = *args.position + args.before + token + 1;
    from = args.window && end > args.window ? end - args.window : 0;
    first = from / args.segmentLength;
    last = (end - 1) / args.segmentLength;
  }
};

/// Whether the block is the last of a token's and head's segments: then it sees what the others wrote. `shared`: of the block.
__device__ __forceinline__ bool arrivesLast(const AttentionWork& args, const SegmentPlace& place, bool& shared) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    std::uint32_t& arrived = args.arrived[place.token * gridDim.y + blockIdx.y];
    shared = atomicAdd(&arrived, 1u) == place.last - place.first;
    if (shared) arrived = 0;
  }
  __syncthreads();
  if (!shared) return false;
  __threadfence();
  return true;
}

/// A split launch for heads of 64 or 128 elements. False: it has no kernel for such heads.
[[nodiscard]] bool attendSegments(const Machine& machine, const AttentionWork& args, dim3 grid);

}  // namespace deltascope::kernels::cuda
