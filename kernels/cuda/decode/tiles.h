// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One warp a tile: the frame of the kernels that decode tiles. For CUDA sources.
#include "kernels/cuda/decode/chunk.h"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kWarpsABlock = 4;

/// `tile(warp, shared, tables, t)` for each tile t; `Shared` is a warp's own.
template <class Shared, class Tile>
__device__ __forceinline__ void eachTile(const Chunk& chunk, const AnchorRule& rule, unsigned long long* error, Tile&& tile) {
  __shared__ CodeTables tables;
  __shared__ alignas(16) unsigned char room[kWarpsABlock * sizeof(Shared)];
  if (threadIdx.x < 16) fillTables(chunk.base, rule, threadIdx.x, tables);
  __syncthreads();
  const std::uint64_t t = static_cast<std::uint64_t>(blockIdx.x) * kWarpsABlock + threadIdx.x / kWarp;
  if (t >= chunk.tiles) return;
  Warp warp(error, chunk.number);
  tile(warp, reinterpret_cast<Shared*>(room)[threadIdx.x / kWarp], tables, static_cast<std::uint32_t>(t));
}

inline unsigned blocksFor(const Chunk& chunk) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(chunk.tiles) + kWarpsABlock - 1) / kWarpsABlock);
}
inline constexpr unsigned kTileThreads = kWarpsABlock * kWarp;

}  // namespace deltascope::kernels::cuda
