// SPDX-License-Identifier: Apache-2.0
// Attention of a few tokens for heads of 64 or 128 elements, with the bits of attention.cu. Level: shape.
//
// A block brings its segment of the cache to shared memory, all of it under way at once, and what earlier passes have stored
// before the kernel before has ended. The dots of 32 positions and heads are added over the lanes together: of each pair of
// lanes one goes on with half of them, in the tree that sumOfLanes() has.
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/tensor.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = kAttentionThreads, kWarps = kAttentionWarps;
constexpr std::uint32_t kSpan = kAttentionSpan, kEach = kSpan / kWarps;  ///< positions of a warp
constexpr std::uint32_t kMostSegments = 64;
static_assert(kEach * kMostHeads == kWarp);

template <ElementType kType>
using Stored = std::conditional_t<kType == ElementType::F32, float, std::uint16_t>;

template <unsigned kDim, ElementType kType>
struct Shared {
  alignas(16) Stored<kType> keys[kSpan][kDim];
  alignas(16) Stored<kType> values[kSpan][kDim];
  alignas(16) float q[kMostHeads][kDim];
  alignas(16) float scores[kMostHeads][kSpan];
  float most[kMostHeads], sum[kMostHeads];                                    ///< of the span
  float mostOf[kMostSegments][kMostHeads], sumOf[kMostSegments][kMostHeads];  ///< of the segments, to merge
  bool last;
};

/// What a thread has seen of one element of one head.
struct Seen {
  float most = -INFINITY, sum = 0, value = 0;

  __device__ __forceinline__ void merge(float otherMost, float otherSum, float otherValue) {
    const float top = fmaxf(most, otherMost), own = ratio(most, top), other = ratio(otherMost, top);
    sum = __fadd_rn(__fmul_rn(sum, own), __fmul_rn(otherSum, other));
    value = __fadd_rn(__fmul_rn(value, own), __fmul_rn(otherValue, other));
    most = top;
  }
};

/// Rows [first, end) of the head to shared memory, begun; the span begins at `begin`.
template <unsigned kDim, ElementType kType>
__device__ __forceinline__ void bring(const KvLayer& cache, std::uint32_t kvHead, std::uint32_t begin, std::uint32_t first,
                                      std::uint32_t end, Shared<kDim, kType>& shared) {
  constexpr std::uint32_t kPiece = 16 / sizeof(Stored<kType>), kPieces = kDim / kPiece;
  const std::size_t base = (static_cast<std::size_t>(kvHead) * cache.capacity + begin) * kDim;
  const auto* const keys = static_cast<const Stored<kType>*>(cache.keys) + base;
  const auto* const values = static_cast<const Stored<kType>*>(cache.values) + base;
  const std::uint32_t keysAt = sharedAddress(&shared.keys[0][0]), valuesAt = sharedAddress(&shared.values[0][0]);
  for (std::uint32_t i = (first - begin) * kPieces + threadIdx.x; i < (end - begin) * kPieces; i += kThreads) {
    copyAhead(keysAt + i * 16, keys + i * kPiece, true);
    copyAhead(valuesAt + i * 16, values + i * kPiece, true);
  }
  commitCopies();
}

/// `n` positions of the span: scores to exponentials, their maxima and sums.
template <unsigned kDim, ElementType kType>
__device__ __forceinline__ void weigh(float scale, float softCap, std::uint32_t count, std::uint32_t n,
                                      Shared<kDim, kType>& shared) {
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  float q[kMostHeads][kDim / kWarp], dots[kWarp];
#pragma unroll
  for (unsigned h = 0; h < kMostHeads; ++h)
#pragma unroll
    for (unsigned j = 0; j < kDim / kWarp; ++j) q[h][j] = shared.q[h][j * kWarp + lane];
#pragma unroll
  for (unsigned i = 0; i < kEach; ++i) {
    float k[kDim / kWarp];
#pragma unroll
    for (unsigned j = 0; j < kDim / kWarp; ++j) k[j] = cached<kType>(&shared.keys[warp + i * kWarps][0], j * kWarp + lane);
#pragma unroll
    for (unsigned h = 0; h < kMostHeads; ++h) {
      float& dot = dots[i * kMostHeads + h];
      dot = 0;
#pragma unroll
      for (unsigned j = 0; j < kDim / kWarp; ++j) dot = __fmaf_rn(q[h][j], k[j], dot);
    }
  }
#pragma unroll
  for (unsigned half = kWarp / 2; half > 0; half /= 2) {
    const bool upper = (lane & half) != 0;
#pragma unroll
    for (unsigned i = 0; i < half; ++i) {
      const float give = upper ? dots[i] : dots[i + half];
      dots[i] = (upper ? dots[i + half] : dots[i]) + __shfl_xor_sync(kAllLanes, give, half);
    }
  }
  shared.scores[lane % kMostHeads][warp + lane / kMostHeads * kWarps] = __fmul_rn(dots[0], scale);
  __syncthreads();
  if (warp < count) weighScores(shared.scores[warp], n, softCap, shared.most[warp], shared.sum[warp]);
  __syncthreads();
}

/// Grid: segments, key-value heads · groups of query heads, tokens; where there is a single token, once more for what is
/// brought nearer. A thread has element threadIdx.x % kDim of kOwn heads.
template <unsigned kDim, ElementType kType>
__global__ void __launch_bounds__(kThreads) segmentKernel(const __grid_constant__ AttentionWork args) {
  extern __shared__ __align__(16) std::uint8_t memory[];
  auto& shared = *reinterpret_cast<Shared<kDim, kType>*>(memory);
  constexpr unsigned kTogether = kThreads / kDim, kOwn = kMostHeads / kTogether;
  letNextBegin();
  if (blockIdx.z == args.tokens) return bringNearer(args);
  const SegmentPlace place(args, kMostHeads);
  if (place.end > args.cache.capacity || blockIdx.x < place.first || blockIdx.x > place.last) return;
  const std::uint32_t begin = max(blockIdx.x * args.segmentLength, place.from);
  const std::uint32_t end = min((blockIdx.x + 1) * args.segmentLength, place.end), spanEnd = min(begin + kSpan, end);
  // What this pass adds to the cache is not there yet.
  const std::uint32_t old = min(max(*args.position, begin), spanEnd);
  bring(args.cache, place.kvHead, begin, begin, old, shared);
  afterPrevious();
  if (args.prepare.k) {
    const std::uint32_t row = place.end - 1 - begin;
    prepareToken<kMostHeads>(
        args, place.kvHead, place.head0, place.count, place.end - 1, blockIdx.x == place.last,
        [&](unsigned head, std::uint32_t d, float value) { shared.q[head][d] = value; },
        [&](std::uint32_t d, float value) {
          if (row < kSpan) fromFloat(shared.keys[row], kType, d, value);
        },
        [&](std::uint32_t d, float value) {
          if (row < kSpan) fromFloat(shared.values[row], kType, d, value);
        });
  } else {
    bring(args.cache, place.kvHead, begin, old, spanEnd, shared);
    for (std::uint32_t i = threadIdx.x; i < place.count * kDim; i += kThreads)
      shared.q[i / kDim][i % kDim] = args.q[(static_cast<std::size_t>(place.token) * args.heads + place.head0) * kDim + i];
  }

  const unsigned d = threadIdx.x % kDim, head = threadIdx.x / kDim;
  const auto ownHead = [&](unsigned o) { return head + o * kTogether; };
  Seen all[kOwn], own[kOwn];
  for (std::uint32_t at = begin; at < end; at += kSpan) {
    const std::uint32_t n = min(kSpan, end - at);
    if (at != begin) {
      __syncthreads();
      bring(args.cache, place.kvHead, at, at, at + n, shared);
    }
    waitCopies<0>();
    __syncthreads();
    weigh(args.scale, args.softCap, place.count, n, shared);
    float sums[kOwn] = {};
#pragma unroll 8
    for (std::uint32_t p = 0; p < n; ++p) {
      const float v = cached<kType>(shared.values[p], d);
#pragma unroll
      for (unsigned o = 0; o < kOwn; ++o) sums[o] = __fmaf_rn(shared.scores[ownHead(o)][p], v, sums[o]);
    }
#pragma unroll
    for (unsigned o = 0; o < kOwn; ++o) own[o].merge(shared.most[ownHead(o)], shared.sum[ownHead(o)], sums[o]);
  }
#pragma unroll
  for (unsigned o = 0; o < kOwn; ++o) all[o].merge(own[o].most, own[o].sum, own[o].value);
  const auto write = [&] {
#pragma unroll
    for (unsigned o = 0; o < kOwn; ++o)
      if (ownHead(o) < place.count)
        args.out[(static_cast<std::size_t>(place.token) * args.heads + place.head0 + ownHead(o)) * kDim + d] =
            __fdiv_rn(all[o].value, all[o].sum);
  };
  if (place.first == place.last) return write();

  const auto partialOf = [&](std::uint32_t segment, std::uint32_t h) {
    return args.partial +
           ((static_cast<std::size_t>(place.token) * args.heads + place.head0 + h) * args.segments + segment) * (2 + kDim);
  };
#pragma unroll
  for (unsigned o = 0; o < kOwn; ++o) {
    if (ownHead(o) >= place.count) continue;
    float* const to = partialOf(blockIdx.x, ownHead(o));
    to[2 + d] = all[o].value;
    if (d == 0) to[0] = all[o].most, to[1] = all[o].sum;
  }
  if (!arrivesLast(args, place, shared.last)) return;
  for (std::uint32_t i = threadIdx.x; i < (place.last - place.first + 1) * place.count; i += kThreads) {
    const float* const from = partialOf(place.first + i / place.count, i % place.count);
    shared.mostOf[i / place.count][i % place.count] = __ldcg(from);
    shared.sumOf[i / place.count][i % place.count] = __ldcg(from + 1);
  }
  __syncthreads();
#pragma unroll
  for (unsigned o = 0; o < kOwn; ++o) {
    if (ownHead(o) >= place.count) continue;
    all[o] = {};
#pragma unroll 8
    for (std::uint32_t segment = place.first; segment <= place.last; ++segment)
      all[o].merge(shared.mostOf[segment - place.first][ownHead(o)], shared.sumOf[segment - place.first][ownHead(o)],
                   __ldcg(partialOf(segment, ownHead(o)) + 2 + d));
  }
  write();
}

template <unsigned kDim, ElementType kType>
void launch(const Machine& machine, const AttentionWork& args, dim3 grid) {
  constexpr auto bytes = static_cast<int>(sizeof(Shared<kDim, kType>));
  cudaFuncSetAttribute(segmentKernel<kDim, kType>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  launchDependent(machine, segmentKernel<kDim, kType>, grid, kThreads, bytes, args);
}

}  // namespace

bool attendSegments(const Machine& machine, const AttentionWork& args, dim3 grid) {
  const bool narrow = args.cache.headDim == 64;
  if ((!narrow && args.cache.headDim != 128) || args.segments > kMostSegments) return false;
  if (args.cache.type == ElementType::F32)
    narrow ? launch<64, ElementType::F32>(machine, args, grid) : launch<128, ElementType::F32>(machine, args, grid);
  else if (args.cache.type == ElementType::BF16)
    narrow ? launch<64, ElementType::BF16>(machine, args, grid) : launch<128, ElementType::BF16>(machine, args, grid);
  else
    return false;
  return true;
}

}  // namespace deltascope::kernels::cuda
