// SPDX-License-Identifier: Apache-2.0
// Tiles as BF16 in memory, and their resident form.
#include <algorithm>

#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / kWarp;
/// Blocks a multiprocessor that the registers leave room for.
constexpr unsigned kBlocks = 4;

template <class Reader>
__global__ void __launch_bounds__(kThreads, kBlocks)
    reconstructKernel(const __grid_constant__ TileSource<Reader> source, std::uint32_t firstTile, std::uint32_t endTile,
                      std::uint64_t elements, std::uint32_t slotBytes, uint4* into) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  source.loadTable(reinterpret_cast<std::uint32_t*>(shared), kThreads);
  __syncthreads();
  const std::uint32_t tile = firstTile + blockIdx.x * kWarps + warp;
  if (tile >= endTile) return;
  const std::uint64_t left = elements - static_cast<std::uint64_t>(tile) * kTileWeights;
  const auto steps = static_cast<std::uint32_t>(left < kTileWeights ? left / kStepWeights : kTileSteps);
  uint4* out = into + static_cast<std::size_t>(tile - firstTile) * (kTileWeights / 8) + lane;
  const std::uint32_t slot = sharedAddress(shared) + Reader::kTableBytes + warp * slotBytes;
  detail::readTile(source, shared, slot, slotBytes, tile, steps, lane, [&](std::uint32_t s, const Pairs& w) {
    out[s * kWarp] = make_uint4(w.pair[0], w.pair[1], w.pair[2], w.pair[3]);
  });
}

template <class Source, unsigned s>
__device__ __forceinline__ void storeSteps(const Source& source, typename Source::Unit& unit, const std::uint8_t* table,
                                           unsigned steps, unsigned lane, uint4* out) {
  if constexpr (s < kUnitSteps) {
    if (s < steps) {
      const Pairs w = source.template weightsOf<s>(unit, table, lane, 0);
      out[s * kWarp] = make_uint4(w.pair[0], w.pair[1], w.pair[2], w.pair[3]);
    }
    storeSteps<Source, s + 1>(source, unit, table, steps, lane, out);
  }
}

/// Steps [first, end) of a linear source.
template <class Source>
__global__ void __launch_bounds__(kThreads)
    expandKernel(const __grid_constant__ Source source, std::uint32_t first, std::uint32_t end, uint4* into) {
  __shared__ __align__(16) std::uint8_t table[Source::kTableBytes];
  source.loadTable(reinterpret_cast<std::uint32_t*>(table), kThreads);
  __syncthreads();
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t step = first + (blockIdx.x * kWarps + threadIdx.x / kWarp) * kUnitSteps;
  if (step >= end) return;
  const std::uint32_t steps = min(kUnitSteps, end - step);
  auto unit = source.load(step, steps, lane);
  storeSteps<Source, 0>(source, unit, table, steps, lane, into + static_cast<std::size_t>(step - first) * kWarp + lane);
}

/// Most weights of the zero bin that a lane's word of extras holds.
constexpr std::uint32_t kMostExtras = 10;

struct ByteTarget {
  uint2* bytes;
  std::uint32_t* extras;
  std::uint32_t* patchBegin;  ///< counts at first, positions after the sum
  std::uint32_t* patches;
  std::uint32_t mostPatches;
  std::uint32_t lo[16];
};

/// One unit's extras and patches of one lane.
struct LaneExtras {
  std::uint32_t word = 0, taken = 0;
};

/// A weight's byte; false when it must be patched (its byte is then 0).
__device__ __forceinline__ bool encodeWeight(std::uint32_t code, std::uint32_t x, LaneExtras& extras, std::uint32_t& byte,
                                             std::uint32_t& decoded) {
  bool good = x < 256;
  if (code == 7) {
    std::uint32_t e = 0;
    if (extras.taken < kMostExtras && (x & 0x7c00) == 0) {
      good = true;
      e = (x >> 8 & 3) | (x >> 15) << 2;
    }
    if (extras.taken < kMostExtras) extras.word |= e << 3 * extras.taken;
    ++extras.taken;
  }
  byte = good ? x & 255 : 0;
  decoded = good ? x : 0;
  return good;
}

/// A tile to the resident form: first counting patches (`kStore` false), then writing them where the sums say.
template <class Reader, bool kStore>
__global__ void __launch_bounds__(kThreads)
    toBytesKernel(const __grid_constant__ TileSource<Reader> source, const __grid_constant__ ByteTarget target,
                  std::uint32_t tiles, std::uint64_t elements, std::uint32_t slotBytes) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  __shared__ std::uint32_t counters[kWarps];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  source.loadTable(reinterpret_cast<std::uint32_t*>(shared), kThreads);
  __syncthreads();
  const std::uint32_t tile = blockIdx.x * kWarps + warp;
  if (tile >= tiles) return;
  const std::uint64_t left = elements - static_cast<std::uint64_t>(tile) * kTileWeights;
  const auto steps = static_cast<std::uint32_t>(left < kTileWeights ? left / kStepWeights : kTileSteps);
  const std::uint32_t slot = sharedAddress(shared) + Reader::kTableBytes + warp * slotBytes;
  LaneExtras extras;
  detail::readTile(source, shared, slot, slotBytes, tile, steps, lane, [&](std::uint32_t s, const Pairs& w) {
    const std::uint32_t step = tile * kTileSteps + s, unit = step / kUnitSteps;
    if (s % kUnitSteps == 0) {
      extras = {};
      if (lane == 0) counters[warp] = 0;
      __syncwarp();
    }
    const std::uint32_t codes = source.base.codesAt(step, lane);
    const std::uint32_t absmax = __byte_perm(source.base.absmaxAt(step, lane), 0, 0x3232);
    std::uint32_t words[2] = {};
#pragma unroll
    for (int k = 3; k >= 0; --k) {  // extras are taken from the highest nibble down
      const std::uint32_t even = codes >> (8 * k + 4) & 15, odd = codes >> 8 * k & 15;
      const std::uint32_t anchors = multiplyPairs(target.lo[even] | target.lo[odd] << 16, absmax);
      const std::uint32_t low = w.pair[k] & 0xffff, high = w.pair[k] >> 16, place = (s % kUnitSteps) * 256 + lane * 8 + 2 * k;
      std::uint32_t byte0, byte1, x0, x1;
      const bool good0 = encodeWeight(even, (low - anchors) & 0xffff, extras, byte0, x0);
      const std::uint32_t carry = ((anchors & 0xffff) + x0) >> 16;
      const bool good1 = encodeWeight(odd, (high - (anchors >> 16) - carry) & 0xffff, extras, byte1, x1);
      words[k >> 1] |= (byte0 | byte1 << 8) << 16 * (k & 1);
      if (!good0 || !good1) {
        const std::uint32_t at = atomicAdd(&counters[warp], (good0 ? 0u : 1u) + (good1 ? 0u : 1u));
        if constexpr (kStore) {
          std::uint32_t to = target.patchBegin[unit] + at;
          if (!good0 && to < target.mostPatches) target.patches[to++] = place << 16 | low;
          if (!good1 && to < target.mostPatches) target.patches[to] = (place + 1) << 16 | high;
        }
      }
    }
    if constexpr (!kStore) {
      target.bytes[static_cast<std::size_t>(step) * kWarp + lane] = make_uint2(words[0], words[1]);
      if (s % kUnitSteps == kUnitSteps - 1 || s + 1 == steps) {
        target.extras[static_cast<std::size_t>(unit) * kWarp + lane] = extras.word;
        __syncwarp();
        if (lane == 0) target.patchBegin[unit] = counters[warp];
      }
    }
    __syncwarp();
  });
}

/// Counts to positions, by one block; position `units` is the total.
__global__ void __launch_bounds__(1024) sumKernel(std::uint32_t* counts, std::uint32_t units, std::uint32_t* total) {
  __shared__ std::uint32_t sums[kWarp];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  std::uint32_t before = 0;
  for (std::uint32_t at = 0; at < units; at += 1024) {
    const std::uint32_t i = at + threadIdx.x, own = i < units ? counts[i] : 0;
    const std::uint32_t end = scanOfLanes(own);
    if (lane == 31) sums[warp] = end;
    __syncthreads();
    if (warp == 0) sums[lane] = scanOfLanes(sums[lane]);
    __syncthreads();
    if (i < units) counts[i] = before + end - own + (warp > 0 ? sums[warp - 1] : 0);
    before += sums[kWarp - 1];
    __syncthreads();
  }
  if (threadIdx.x == 0) *total = counts[units] = before;
}

template <class Reader>
void launchReconstruct(const Machine& machine, const Matrix& m, std::uint32_t first, std::uint32_t end, void* into) {
  const std::uint32_t slot = (m.tiles.largest + kSlotSlack + 127) & ~127u, shared = Reader::kTableBytes + slot * kWarps;
  cudaFuncSetAttribute(reconstructKernel<Reader>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  cudaFuncSetAttribute(reconstructKernel<Reader>, cudaFuncAttributePreferredSharedMemoryCarveout, 100);
  reconstructKernel<Reader><<<(end - first + kWarps - 1) / kWarps, kThreads, shared, machine.stream>>>(
      tileSourceOf<Reader>(m), first, end, m.rows * m.columns, slot, static_cast<uint4*>(into));
}

template <class Reader>
void launchToBytes(const Machine& machine, const Matrix& m, const ByteForm& form, std::byte* into, std::uint32_t* total) {
  const std::uint64_t elements = m.rows * m.columns;
  const std::uint32_t slot = (m.tiles.largest + kSlotSlack + 127) & ~127u, shared = Reader::kTableBytes + slot * kWarps;
  const auto tiles = static_cast<std::uint32_t>((elements + kTileWeights - 1) / kTileWeights);
  ByteTarget target{reinterpret_cast<uint2*>(into),
                    reinterpret_cast<std::uint32_t*>(into + form.extrasAt),
                    reinterpret_cast<std::uint32_t*>(into + form.beginAt),
                    reinterpret_cast<std::uint32_t*>(into + form.patchesAt),
                    static_cast<std::uint32_t>(form.mostPatches),
                    {}};
  std::copy_n(m.tiles.factors.data(), 16, target.lo);
  cudaFuncSetAttribute(toBytesKernel<Reader, false>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  cudaFuncSetAttribute(toBytesKernel<Reader, true>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  const unsigned blocks = (tiles + kWarps - 1) / kWarps;
  toBytesKernel<Reader, false>
      <<<blocks, kThreads, shared, machine.stream>>>(tileSourceOf<Reader>(m), target, tiles, elements, slot);
  sumKernel<<<1, 1024, 0, machine.stream>>>(target.patchBegin, static_cast<std::uint32_t>(form.units), total);
  toBytesKernel<Reader, true>
      <<<blocks, kThreads, shared, machine.stream>>>(tileSourceOf<Reader>(m), target, tiles, elements, slot);
}

[[nodiscard]] std::uint64_t aligned(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }

}  // namespace

ByteForm::ByteForm(std::uint64_t elements)
    : units((elements + kUnitWeights - 1) / kUnitWeights),
      extrasAt(aligned(elements)),
      beginAt(aligned(extrasAt + units * kWarp * 4)),
      patchesAt(aligned(beginAt + (units + 1) * 4)),
      mostPatches(elements / 256 + 64),
      bytes(aligned(patchesAt + mostPatches * 4)) {}

void reconstructTiles(const Machine& machine, const Matrix& tiled, std::uint64_t firstTile, std::uint64_t lastTile,
                      void* into) {
  if (firstTile >= lastTile) return;
  const auto first = static_cast<std::uint32_t>(firstTile), end = static_cast<std::uint32_t>(lastTile);
  if (tiled.tiles.code == Tiles::Code::Prefix)
    launchReconstruct<PrefixReader>(machine, tiled, first, end, into);
  else
    launchReconstruct<FieldReader>(machine, tiled, first, end, into);
}

void expandUnits(const Machine& machine, const Matrix& matrix, std::uint64_t first, std::uint64_t count, void* into) {
  if (count == 0) return;
  const auto begin = static_cast<std::uint32_t>(first / kStepWeights);
  const auto end = static_cast<std::uint32_t>((first + count) / kStepWeights);
  const unsigned blocks = ((end - begin + kUnitSteps - 1) / kUnitSteps + kWarps - 1) / kWarps;
  auto* out = static_cast<uint4*>(into);
  if (matrix.form == Matrix::Form::Tiled)
    expandKernel<<<blocks, kThreads, 0, machine.stream>>>(byteSourceOf(matrix), begin, end, out);
  else
    expandKernel<<<blocks, kThreads, 0, machine.stream>>>(baseSourceOf(matrix), begin, end, out);
}

void toBytes(const Machine& machine, const Matrix& tiled, const ByteForm& form, void* into, std::uint32_t* total) {
  auto* bytes = static_cast<std::byte*>(into);
  if (tiled.tiles.code == Tiles::Code::Prefix)
    launchToBytes<PrefixReader>(machine, tiled, form, bytes, total);
  else
    launchToBytes<FieldReader>(machine, tiled, form, bytes, total);
}

}  // namespace deltascope::kernels::cuda
