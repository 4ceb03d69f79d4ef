// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Weights stored as they are beside a code: `place << 16 | bits`, place counted from the tile's (or unit's) first weight. The
/// first 32 are held one a lane, so that a step without any costs a vote.
#include "kernels/cuda/warp.cuh"

namespace deltascope::kernels::cuda {

/// Puts the patch into the lane's weights, if it is the lane's.
__device__ __forceinline__ void putPatch(std::uint32_t patch, unsigned lane, Pairs& w) {
  const std::uint32_t place = patch >> 16, owner = place >> 3 & 31, half = place & 1 ? 0xffff0000u : 0xffffu;
  const std::uint32_t bits = __byte_perm(patch, 0, 0x1010);
#pragma unroll
  for (unsigned k = 0; k < 4; ++k) {  // masks, so that the weights stay in registers
    const std::uint32_t mask = owner == lane && (place >> 1 & 3) == k ? half : 0;
    w.pair[k] = (w.pair[k] & ~mask) | (bits & mask);
  }
}

/// `Read`: word i of the list.
template <class Read>
struct Patches {
  Read read;
  std::uint32_t count = 0, own = 0xffffffffu;

  __device__ __forceinline__ void hold(std::uint32_t n, unsigned lane) {
    count = n;
    own = lane < n ? read(lane) : 0xffffffffu;
  }
  __device__ __forceinline__ void apply(std::uint32_t step, unsigned lane, Pairs& w) const {
    if (count == 0) return;
    for (unsigned hits = __ballot_sync(kAllLanes, own >> 24 == step); hits != 0; hits &= hits - 1)
      putPatch(__shfl_sync(kAllLanes, own, __ffs(static_cast<int>(hits)) - 1), lane, w);
    for (std::uint32_t i = kWarp; i < count; ++i) {
      const std::uint32_t patch = read(i);
      if (patch >> 24 == step) putPatch(patch, lane, w);
    }
  }
};

struct ReadShared {
  std::uint32_t address = 0;
  __device__ __forceinline__ std::uint32_t operator()(std::uint32_t i) const { return loadShared(address + 4 * i); }
};
struct SharedPatches : Patches<ReadShared> {
  __device__ __forceinline__ void start(std::uint32_t address, std::uint32_t n, unsigned lane) {
    read.address = address;
    hold(n, lane);
  }
};

struct ReadGlobal {
  const std::uint32_t* words = nullptr;
  __device__ __forceinline__ std::uint32_t operator()(std::uint32_t i) const { return __ldg(words + i); }
};
using GlobalPatches = Patches<ReadGlobal>;

}  // namespace deltascope::kernels::cuda
