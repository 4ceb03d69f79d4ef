// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One warp a tile: the frame of the kernels that decode tiles. For CUDA sources.
#include <algorithm>
#include <span>

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

/// Works that one launch does, as its parameter; a block's is that of its blockIdx.y.
template <class Work>
struct Batch {
  static constexpr std::size_t kMost = 4000 / sizeof(Work);
  Work work[kMost];
};
/// `start(batch, grid)` for as many works at a time as fit.
template <class Work, class Tiles, class Start>
void inBatches(std::span<const Work> works, Tiles&& tilesOf, Start&& start) {
  for (std::size_t at = 0; at < works.size(); at += Batch<Work>::kMost) {
    const auto part = works.subspan(at, std::min(Batch<Work>::kMost, works.size() - at));
    Batch<Work> batch{};
    std::uint64_t tiles = 0;
    for (std::size_t k = 0; k < part.size(); ++k) {
      batch.work[k] = part[k];
      tiles = std::max<std::uint64_t>(tiles, tilesOf(part[k]));
    }
    start(batch, dim3(static_cast<unsigned>((tiles + kWarpsABlock - 1) / kWarpsABlock), static_cast<unsigned>(part.size())));
  }
}

inline unsigned blocksFor(const Chunk& chunk) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(chunk.tiles) + kWarpsABlock - 1) / kWarpsABlock);
}
inline constexpr unsigned kTileThreads = kWarpsABlock * kWarp;

}  // namespace deltascope::kernels::cuda
