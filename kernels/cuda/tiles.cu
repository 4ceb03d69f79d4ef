// SPDX-License-Identifier: Apache-2.0
// Residual tiles as BF16 in memory: one warp a tile.
#include <bit>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/tile_reader.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / kWarp;
constexpr std::uint32_t kAhead = 4;  ///< steps whose codes are on their way
constexpr std::uint32_t kBarrierBytes = 128;

struct TileSource {
  const std::uint32_t* codes;
  const std::uint32_t* absmax;  ///< FP32 bits
  const std::byte* stream;
  const std::uint32_t* offsets;
  const TileTable* table;
  unsigned groupShift;
  std::uint32_t firstTile, endTile, slotBytes;
  std::uint64_t elements;
  std::byte* into;
};

/// Brings `bytes` (a multiple of 16) to the warp's slot; begun by begin(), there after wait().
struct Staging {
  std::uint32_t barrier, slot;

  __device__ __forceinline__ void init(unsigned lane) const {
#if __CUDA_ARCH__ >= 900
    if (lane == 0) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barrier));
      asm volatile("fence.mbarrier_init.release.cluster;");
    }
    __syncwarp();
#endif
  }
  __device__ __forceinline__ void begin(const std::byte* from, std::uint32_t bytes, unsigned lane) const {
#if __CUDA_ARCH__ >= 900
    if (lane != 0) return;
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(slot),
                 "l"(from), "r"(bytes), "r"(barrier)
                 : "memory");
#else
    for (std::uint32_t at = lane * 16; at < bytes; at += kWarp * 16)
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(slot + at), "l"(from + at) : "memory");
#endif
  }
  __device__ __forceinline__ void wait() const {
#if __CUDA_ARCH__ >= 900
    std::uint32_t done = 0;
    while (!done)
      asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;}"
                   : "=r"(done)
                   : "r"(barrier)
                   : "memory");
#else
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncwarp();
#endif
  }
};

template <class Reader, bool kWhole>
__device__ __forceinline__ void decodeSteps(const TileSource& source, Reader& reader, const std::uint8_t* table,
                                            std::uint32_t tile, std::uint32_t steps, unsigned lane, uint4* out,
                                            std::uint32_t (&codes)[kAhead], std::uint32_t (&absmax)[kAhead]) {
#pragma unroll 1
  for (std::uint32_t s = 0; s < steps; s += kAhead) {
    std::uint32_t now[kAhead], scale[kAhead];
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i) now[i] = codes[i], scale[i] = absmax[i];
    if (s + kAhead < steps) {
#pragma unroll
      for (std::uint32_t i = 0; i < kAhead; ++i)
        if (kWhole || s + kAhead + i < steps) {
          const std::uint32_t step = tile * kTileSteps + s + kAhead + i;
          codes[i] = loadOnce(source.codes + std::size_t{step} * kWarp + lane);
          absmax[i] = __ldg(source.absmax + ((std::size_t{step} * kStepWeights + lane * 8) >> source.groupShift));
        }
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i)
      if (kWhole || s + i < steps) {
        reader.begin(i, now[i], now[i | 1], table);
        const Pairs w = reader.step(now[i], scale[i], __byte_perm(scale[i], 0, 0x3232), table);
        out[(s + i) * kWarp] = make_uint4(w.pair[0], w.pair[1], w.pair[2], w.pair[3]);
      }
  }
}

template <class Reader>
__global__ void __launch_bounds__(kThreads, Reader::kBlocks) reconstructKernel(const __grid_constant__ TileSource source) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  std::uint8_t* const table = shared + kBarrierBytes;
  const Staging staging{sharedAddress(shared) + 8 * warp, sharedAddress(table) + Reader::kTableBytes + warp * source.slotBytes};
  staging.init(lane);
  const std::uint32_t tile = source.firstTile + blockIdx.x * kWarps + warp;
  const bool inside = tile < source.endTile;
  std::uint32_t from = 0, size = 0, steps = 0, codes[kAhead], absmax[kAhead];
  if (inside) {
    from = __ldg(source.offsets + tile);
    const std::uint32_t to = __ldg(source.offsets + tile + 1) & ~kRawTile;
    size = min((to - (from & ~kRawTile)) * 16, source.slotBytes - kSlotSlack);
    if (!(from & kRawTile)) staging.begin(source.stream + std::size_t{from} * 16, size, lane);
    const std::uint64_t left = source.elements - static_cast<std::uint64_t>(tile) * kTileWeights;
    steps = left < kTileWeights ? static_cast<std::uint32_t>(left / kStepWeights) : kTileSteps;
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i) {
      codes[i] = absmax[i] = 0;
      if (i >= steps) continue;
      const std::uint32_t step = tile * kTileSteps + i;
      codes[i] = loadOnce(source.codes + std::size_t{step} * kWarp + lane);
      absmax[i] = __ldg(source.absmax + ((std::size_t{step} * kStepWeights + lane * 8) >> source.groupShift));
    }
  }
  Reader::loadTable(reinterpret_cast<std::uint32_t*>(table), source.table, kThreads);
  __syncthreads();
  if (!inside) return;
  std::byte* const target = source.into + std::size_t{tile - source.firstTile} * kTileWeights * 2;
  auto* const out = reinterpret_cast<uint4*>(target) + lane;
  if (from & kRawTile) {
    const auto* raw = reinterpret_cast<const uint4*>(source.stream + std::size_t{from & ~kRawTile} * 16) + lane;
    for (std::uint32_t s = 0; s < steps; ++s) out[s * kWarp] = loadOnce(raw + s * kWarp);
    return;
  }
  staging.wait();
  Reader reader;
  PatchList patches;
  reader.start(staging.slot, size, lane, patches, source.table);
  if (steps == kTileSteps)
    decodeSteps<Reader, true>(source, reader, table, tile, kTileSteps, lane, out, codes, absmax);
  else
    decodeSteps<Reader, false>(source, reader, table, tile, steps, lane, out, codes, absmax);
  __syncwarp();
  for (std::uint32_t i = lane; i < patches.count; i += kWarp) {
    const std::uint32_t patch = loadShared(patches.address + 4 * i);
    if (patch >> 16 < steps * kStepWeights)
      reinterpret_cast<std::uint16_t*>(target)[patch >> 16] = static_cast<std::uint16_t>(patch);
  }
}

template <class Reader>
void launch(const Machine& machine, TileSource source) {
  const std::uint32_t shared = kBarrierBytes + Reader::kTableBytes + source.slotBytes * kWarps;
  cudaFuncSetAttribute(reconstructKernel<Reader>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  cudaFuncSetAttribute(reconstructKernel<Reader>, cudaFuncAttributePreferredSharedMemoryCarveout, 100);
  const std::uint32_t tiles = source.endTile - source.firstTile;
  reconstructKernel<Reader><<<(tiles + kWarps - 1) / kWarps, kThreads, shared, machine.stream>>>(source);
}

}  // namespace

void reconstructTiles(const Machine& machine, const Matrix& m, std::uint64_t firstTile, std::uint64_t lastTile, void* into) {
  if (firstTile >= lastTile) return;
  const TileSource source{reinterpret_cast<const std::uint32_t*>(m.codes),
                          reinterpret_cast<const std::uint32_t*>(m.scales),
                          m.tiles.stream,
                          m.tiles.offsets,
                          static_cast<const TileTable*>(m.tiles.table),
                          static_cast<unsigned>(std::countr_zero(m.group)),
                          static_cast<std::uint32_t>(firstTile),
                          static_cast<std::uint32_t>(lastTile),
                          (m.tiles.largest + kSlotSlack + 15) & ~15u,
                          m.rows * m.columns,
                          static_cast<std::byte*>(into)};
  if (m.tiles.code == Tiles::Code::Prefix)
    launch<PrefixReader>(machine, source);
  else
    launch<FieldReader>(machine, source);
}

}  // namespace deltascope::kernels::cuda
