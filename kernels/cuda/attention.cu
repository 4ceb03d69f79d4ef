// SPDX-License-Identifier: Apache-2.0
// Attention over the cache, segment by segment: each segment's maximum, sum and values, then these merged in ascending order.
// For few tokens the segments are blocks of their own and the last one to end merges (attention_segments.cu for the usual
// heads); for a prompt one block goes through them, a token's or, in attention_prompt.cu, those of several.
// Level: shape. What is added when follows from a token's position, the window and the capacity of the cache.
#include "kernels/cuda/attention.cuh"

#include <algorithm>

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = kAttentionThreads, kWarps = kAttentionWarps;
using Args = AttentionWork;
constexpr std::uint32_t kSpan = kAttentionSpan;
constexpr std::uint32_t kOutputs = 4;  ///< a thread's
constexpr std::uint32_t kMostSegments = 64;
constexpr std::uint32_t kMostSplit = 16;  ///< tokens; beyond there are blocks enough

/// Wide heads go two at a time, so that a block needs no more memory for them.
constexpr std::uint32_t kWideHeads = 2;
[[nodiscard]] constexpr std::uint32_t mostDim(std::uint32_t heads) { return kOutputs * kThreads / heads; }
static_assert(mostDim(kWideHeads) == kMostHeadDim);

/// What a block of kHeads heads has seen so far: per head maximum and sum, per thread its share of the values.
template <std::uint32_t kHeads>
struct Seen {
  float most[kHeads], sum[kHeads];
  float values[kOutputs];
};

template <std::uint32_t kHeads>
struct Shared {
  float q[kHeads][mostDim(kHeads)];
  float scores[kHeads][kSpan];
  float most[kHeads], sum[kHeads];
  bool last;
};

template <std::uint32_t kHeads>
__device__ __forceinline__ void merge(Seen<kHeads>& seen, const float* most, const float* sum, const float (&values)[kOutputs],
                                      std::uint32_t count, std::uint32_t dim) {
  float own[kHeads], other[kHeads];
#pragma unroll
  for (std::uint32_t h = 0; h < kHeads; ++h)
    if (h < count) {
      const float top = fmaxf(seen.most[h], most[h]);
      own[h] = ratio(seen.most[h], top);
      other[h] = ratio(most[h], top);
      seen.sum[h] = __fadd_rn(__fmul_rn(seen.sum[h], own[h]), __fmul_rn(sum[h], other[h]));
      seen.most[h] = top;
    } else {
      own[h] = other[h] = 0;
    }
#pragma unroll
  for (std::uint32_t o = 0; o < kOutputs; ++o) {
    const std::uint32_t h = (threadIdx.x + o * kThreads) / dim;
    float a = 0, b = 0;
#pragma unroll
    for (std::uint32_t i = 0; i < kHeads; ++i)
      if (i == h) a = own[i], b = other[i];
    seen.values[o] = __fadd_rn(__fmul_rn(seen.values[o], a), __fmul_rn(values[o], b));
  }
}

/// Positions [begin, end), at most kSpan, into `seen`.
template <std::uint32_t kHeads, ElementType kType>
__device__ __forceinline__ void attendSpan(const Args& args, std::uint32_t kvHead, std::uint32_t count, std::uint32_t begin,
                                           std::uint32_t end, Shared<kHeads>& shared, Seen<kHeads>& seen) {
  const std::uint32_t dim = args.cache.headDim, n = end - begin;
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::size_t base = (static_cast<std::size_t>(kvHead) * args.cache.capacity + begin) * dim;
#pragma unroll 2
  for (std::uint32_t p = warp; p < n; p += kWarps) {
    float dots[kHeads] = {};
    for (std::uint32_t d = lane; d < dim; d += kWarp) {
      const float k = cached<kType>(args.cache.keys, base + static_cast<std::size_t>(p) * dim + d);
#pragma unroll
      for (std::uint32_t h = 0; h < kHeads; ++h)
        if (h < count) dots[h] = __fmaf_rn(shared.q[h][d], k, dots[h]);
    }
#pragma unroll
    for (std::uint32_t h = 0; h < kHeads; ++h)
      if (h < count) {
        const float dot = sumOfLanes(dots[h]);
        if (lane == 0) shared.scores[h][p] = __fmul_rn(dot, args.scale);
      }
  }
  __syncthreads();
  if (warp < count) weighScores(shared.scores[warp], n, args.softCap, shared.most[warp], shared.sum[warp]);
  __syncthreads();
  float values[kOutputs] = {};
#pragma unroll
  for (std::uint32_t o = 0; o < kOutputs; ++o) {
    const std::uint32_t i = threadIdx.x + o * kThreads, h = i / dim, d = i % dim;
    if (h >= count) continue;
    float sum = 0;
#pragma unroll 16
    for (std::uint32_t p = 0; p < n; ++p)
      sum = __fmaf_rn(shared.scores[h][p], cached<kType>(args.cache.values, base + static_cast<std::size_t>(p) * dim + d), sum);
    values[o] = sum;
  }
  merge(seen, shared.most, shared.sum, values, count, dim);
  __syncthreads();
}

template <std::uint32_t kHeads>
__device__ __forceinline__ void write(const Args& args, std::uint32_t token, std::uint32_t head0, std::uint32_t count,
                                      const Seen<kHeads>& seen) {
  const std::uint32_t dim = args.cache.headDim;
#pragma unroll
  for (std::uint32_t o = 0; o < kOutputs; ++o) {
    const std::uint32_t i = threadIdx.x + o * kThreads, h = i / dim;
    if (h >= count) continue;
    float sum = 1;
#pragma unroll
    for (std::uint32_t j = 0; j < kHeads; ++j)
      if (j == h) sum = seen.sum[j];
    args.out[(static_cast<std::size_t>(token) * args.heads + head0 + h) * dim + i % dim] = __fdiv_rn(seen.values[o], sum);
  }
}

/// Grid: segments (1 for prompts), key-value heads · groups of query heads, tokens; where one token is split, once more for
/// what is brought nearer.
template <bool kSplit, ElementType kType, std::uint32_t kHeads>
__global__ void __launch_bounds__(kThreads) attentionKernel(const __grid_constant__ Args args) {
  __shared__ Shared<kHeads> shared;
  letNextBegin();
  if (kSplit && blockIdx.z == args.tokens) return bringNearer(args);
  const std::uint32_t dim = args.cache.headDim;
  const SegmentPlace place(args, kHeads);
  const std::uint32_t kvHead = place.kvHead, head0 = place.head0, count = place.count, token = place.token, end = place.end;
  const std::uint32_t from = place.from, firstSegment = place.first, lastSegment = place.last;
  if (end > args.cache.capacity) return;
  if (kSplit && (blockIdx.x < firstSegment || blockIdx.x > lastSegment)) return;
  afterPrevious();

  if (kSplit && args.prepare.k) {
    const auto nothing = [](std::uint32_t, float) {};
    prepareToken<kHeads>(
        args, kvHead, head0, count, end - 1, blockIdx.x == lastSegment,
        [&](unsigned head, std::uint32_t d, float value) { shared.q[head][d] = value; }, nothing, nothing);
  } else {
    for (std::uint32_t i = threadIdx.x; i < count * dim; i += kThreads)
      shared.q[i / dim][i % dim] = args.q[(static_cast<std::size_t>(token) * args.heads + head0) * dim + i];
  }
  __syncthreads();

  Seen<kHeads> all;
  const auto clear = [](Seen<kHeads>& seen) {
#pragma unroll
    for (std::uint32_t h = 0; h < kHeads; ++h) seen.most[h] = -INFINITY, seen.sum[h] = 0;
#pragma unroll
    for (std::uint32_t o = 0; o < kOutputs; ++o) seen.values[o] = 0;
  };
  clear(all);
  const std::uint32_t begin = kSplit ? blockIdx.x : firstSegment, stop = kSplit ? blockIdx.x : lastSegment;
  for (std::uint32_t segment = begin; segment <= stop; ++segment) {
    Seen<kHeads> own;
    clear(own);
    const std::uint32_t segmentEnd = min((segment + 1) * args.segmentLength, end);
    for (std::uint32_t at = max(segment * args.segmentLength, from); at < segmentEnd; at += kSpan)
      attendSpan<kHeads, kType>(args, kvHead, count, at, min(at + kSpan, segmentEnd), shared, own);
    merge(all, own.most, own.sum, own.values, count, dim);
  }
  if constexpr (!kSplit) return write(args, token, head0, count, all);

  if (firstSegment == lastSegment) return write(args, token, head0, count, all);
  const auto partialOf = [&](std::uint32_t segment, std::uint32_t h) {
    return args.partial + ((static_cast<std::size_t>(token) * args.heads + head0 + h) * args.segments + segment) * (2 + dim);
  };
#pragma unroll
  for (std::uint32_t o = 0; o < kOutputs; ++o) {
    const std::uint32_t i = threadIdx.x + o * kThreads;
    if (i / dim < count) partialOf(blockIdx.x, i / dim)[2 + i % dim] = all.values[o];
  }
#pragma unroll
  for (std::uint32_t h = 0; h < kHeads; ++h)
    if (h < count && threadIdx.x == h) {
      partialOf(blockIdx.x, h)[0] = all.most[h];
      partialOf(blockIdx.x, h)[1] = all.sum[h];
    }
  if (!arrivesLast(args, place, shared.last)) return;
  clear(all);
  for (std::uint32_t segment = firstSegment; segment <= lastSegment; ++segment) {
    float most[kHeads] = {}, sum[kHeads] = {}, values[kOutputs] = {};
#pragma unroll
    for (std::uint32_t h = 0; h < kHeads; ++h)
      if (h < count) {
        most[h] = __ldcg(partialOf(segment, h));
        sum[h] = __ldcg(partialOf(segment, h) + 1);
      }
#pragma unroll
    for (std::uint32_t o = 0; o < kOutputs; ++o) {
      const std::uint32_t i = threadIdx.x + o * kThreads;
      if (i / dim < count) values[o] = __ldcg(partialOf(segment, i / dim) + 2 + i % dim);
    }
    merge(all, most, sum, values, count, dim);
  }
  write(args, token, head0, count, all);
}

constexpr std::uint64_t kCounterBytes = 4096;
constexpr std::uint64_t kMostAhead = std::uint64_t{40} << 20;  ///< of a second cache of 50 MB

}  // namespace

std::uint64_t attentionScratchBytes(std::uint32_t heads, std::uint32_t headDim) {
  return kCounterBytes + std::uint64_t{heads} * kMostSegments * (2 + headDim) * sizeof(float);
}

namespace {

/// Fills in everything but the preparation. Segments become longer where scratch holds fewer.
Args argsOf(const AttentionArgs& args, const std::uint32_t* position, void* scratch, std::uint64_t scratchBytes) {
  const std::uint32_t spans = (args.cache.capacity + kSpan - 1) / kSpan;
  const std::uint64_t partial = std::uint64_t{args.heads} * (2 + args.cache.headDim) * sizeof(float);
  const auto segments =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>((scratchBytes - kCounterBytes) / partial, 1, kMostSegments));
  const std::uint32_t length = (spans + segments - 1) / segments * kSpan;
  return {args.q,
          args.out,
          args.cache,
          position,
          reinterpret_cast<float*>(static_cast<std::byte*>(scratch) + kCounterBytes),
          static_cast<std::uint32_t*>(scratch),
          args.heads,
          args.window,
          length,
          segments,
          args.tokens,
          0,
          args.scale,
          args.softCap,
          {}};
}

bool isWide(const KvLayer& cache) { return cache.headDim > mostDim(kMostHeads); }

std::uint32_t headBlocks(std::uint32_t heads, const KvLayer& cache) {
  const std::uint32_t perKey = heads / cache.kvHeads, together = isWide(cache) ? kWideHeads : kMostHeads;
  return cache.kvHeads * ((perKey + together - 1) / together);
}

template <bool kSplit>
void launch(const Machine& machine, const Args& args, dim3 grid) {
  const auto with = [&](auto* narrow, auto* wide) {
    launchDependent(machine, isWide(args.cache) ? wide : narrow, grid, kThreads, 0, args);
  };
  if (args.cache.type == ElementType::F32)
    with(attentionKernel<kSplit, ElementType::F32, kMostHeads>, attentionKernel<kSplit, ElementType::F32, kWideHeads>);
  else
    with(attentionKernel<kSplit, ElementType::BF16, kMostHeads>, attentionKernel<kSplit, ElementType::BF16, kWideHeads>);
}

/// Tokens whose segments can be blocks of their own: as many as scratch and counters allow.
std::uint32_t mostSplit(const Args& args, std::uint64_t scratchBytes) {
  const std::uint32_t segments = (args.cache.capacity + args.segmentLength - 1) / args.segmentLength;
  const std::uint64_t partial = std::uint64_t{args.heads} * segments * (2 + args.cache.headDim) * sizeof(float);
  return static_cast<std::uint32_t>(std::min((scratchBytes - kCounterBytes) / partial,
                                             kCounterBytes / sizeof(std::uint32_t) / headBlocks(args.heads, args.cache)));
}

/// `first`: of the tokens, which lie after those that `position` counts.
void launchSplit(const Machine& machine, Args args, std::uint32_t first, std::uint32_t tokens) {
  const std::size_t row = std::size_t{first} * args.heads * args.cache.headDim;
  args.q += row;
  args.out += row;
  args.before = first;
  args.tokens = tokens;
  args.segments = (args.cache.capacity + args.segmentLength - 1) / args.segmentLength;
  const dim3 grid(args.segments, headBlocks(args.heads, args.cache), tokens + (args.aheadBytes > 0 ? 1 : 0));
  if (!attendSegments(machine, args, grid)) launch<true>(machine, args, grid);
}

}  // namespace

void attention(const Machine& machine, const AttentionArgs& args, const std::uint32_t* position, void* scratch,
               std::uint64_t scratchBytes) {
  if (args.tokens == 0) return;
  const Args all = argsOf(args, position, scratch, scratchBytes);
  const std::uint32_t most = args.tokens <= kMostSplit ? mostSplit(all, scratchBytes) : 0;
  if (most == 0) {
    const bool windowed = args.window > 0 && args.firstPosition + args.tokens > args.window;
    const PromptAttention prompt{args.q,     args.out,          args.cache, position,    args.tokens,
                                 args.heads, all.segmentLength, args.scale, args.softCap};
    if (!windowed && attendPrompt(machine, prompt)) return;
    return launch<false>(machine, all, dim3(1, headBlocks(args.heads, args.cache), args.tokens));
  }
  for (std::uint32_t first = 0; first < args.tokens; first += most)
    launchSplit(machine, all, first, std::min(most, args.tokens - first));
}

bool attendToken(const Machine& machine, const AttendArgs& args, const std::uint32_t* position, void* scratch,
                 std::uint64_t scratchBytes) {
  if (args.tokens != 1) return false;
  Args all = argsOf(attentionOf(args), position, scratch, scratchBytes);
  if (mostSplit(all, scratchBytes) == 0) return false;
  all.prepare = {args.k, args.v, args.queryNorm, args.keyNorm, args.normType, args.epsilon, args.addOne, turnOf(args)};
  if (args.next) {
    all.ahead = residentBytes(*args.next, all.aheadBytes);
    all.aheadBytes = std::min(all.aheadBytes, kMostAhead);
  }
  launchSplit(machine, all, 0, 1);
  return true;
}

}  // namespace deltascope::kernels::cuda
