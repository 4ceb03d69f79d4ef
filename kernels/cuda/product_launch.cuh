// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Chooses grid and shared memory of productKernel. Included by one file a source, so that they compile apart.
#include <algorithm>
#include <numeric>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/product.cuh"

namespace deltascope::kernels::cuda {

[[nodiscard]] inline FourBit fourBitOf(const Matrix& m) {
  return {reinterpret_cast<const std::uint32_t*>(m.codes), reinterpret_cast<const std::uint32_t*>(m.scales),
          static_cast<unsigned>(std::countr_zero(m.group))};
}

/// Rows after which tiles and rows begin together.
[[nodiscard]] inline std::uint32_t tileRows(std::uint64_t columns) {
  return static_cast<std::uint32_t>(std::lcm(columns, std::uint64_t{kTileWeights}) / columns);
}

/// `sourceOf(matrix)` makes the kernel's source.
template <class Source, int kParts, class SourceOf>
void launchProduct(const Machine& machine, std::span<const MatmulArgs> parts, bool gated, std::uint32_t slotBytes,
                   SourceOf&& sourceOf) {
  constexpr bool kTiles = requires { typename Source::Reader; };
  ProductArgs<Source> args{};
  const Matrix& first = parts[0].weight;
  args.x = parts[0].x;
  args.parts = static_cast<std::uint32_t>(parts.size());
  args.rowSteps = static_cast<std::uint32_t>(first.columns / kStepWeights);
  args.align = kTiles ? tileRows(first.columns) : 1;
  args.biasType = static_cast<std::uint32_t>(parts[0].biasType);
  args.slotBytes = slotBytes;
  args.accumulate = parts[0].accumulate;
  args.gated = gated;
  const std::uint32_t blocks = machine.processors, most = sumsOfRow(args.rowSteps);
  std::uint32_t rows = 0, units = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    args.part[p] = {sourceOf(parts[p].weight), parts[p].y, parts[p].bias, static_cast<std::uint32_t>(parts[p].weight.rows)};
    const std::uint32_t groups = (args.part[p].rows + args.align - 1) / args.align;
    const std::uint32_t share = (groups + blocks - 1) / blocks * args.align;
    rows += share;
    units += (share * args.rowSteps + kUnitSteps - 1) / kUnitSteps + 1;
  }
  args.mostSums = rows * most;
  constexpr std::uint32_t kMostWarps = kProductThreads / kWarp;
  // As many warps as share the units evenly, within what shared memory holds.
  if (kTiles) units /= kTileSteps / kUnitSteps;
  const std::uint32_t waves = std::max(1u, (units + kMostWarps - 1) / kMostWarps);
  std::uint32_t warps = std::clamp((units + waves - 1) / waves, 8u, kMostWarps);
  const auto columns = static_cast<std::uint32_t>(first.columns);
  while (warps > 4 && sharedBytes<Source, kParts>(columns, args.mostSums, slotBytes, warps) > machine.sharedBytes) --warps;
  const std::uint32_t shared = sharedBytes<Source, kParts>(columns, args.mostSums, slotBytes, warps);
  cudaFuncSetAttribute(productKernel<Source, kParts>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       static_cast<int>(machine.sharedBytes));
  productKernel<Source, kParts><<<blocks, warps * kWarp, shared, machine.stream>>>(args);
}

/// Parts of one source type; one function a file.
void denseProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);
void baseProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);
void byteProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);
void prefixProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);
void fieldProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);

template <class Source, class SourceOf>
void launchProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated,
                   std::uint32_t slotBytes, SourceOf&& sourceOf) {
  if (compute == Compute::Bf16)
    launchProduct<Source, 1>(machine, parts, gated, slotBytes, sourceOf);
  else
    launchProduct<Source, 3>(machine, parts, gated, slotBytes, sourceOf);
}

[[nodiscard]] inline std::uint32_t slotBytesOf(std::span<const MatmulArgs> parts) {
  std::uint32_t largest = 0;
  for (const auto& part : parts) largest = std::max(largest, part.weight.tiles.largest);
  return (largest + kSlotSlack + 127) & ~127u;
}

[[nodiscard]] inline DenseSource denseSourceOf(const Matrix& m) { return {static_cast<const uint4*>(m.elements)}; }
[[nodiscard]] inline BaseSource baseSourceOf(const Matrix& m) {
  BaseSource source{fourBitOf(m), {}};
  std::copy_n(m.values, 16, source.values);
  return source;
}
[[nodiscard]] inline ByteSource byteSourceOf(const Matrix& m) {
  const ByteForm form(m.rows * m.columns);
  const std::byte* data = m.tiles.stream;
  ByteSource source{fourBitOf(m),
                    reinterpret_cast<const uint2*>(data),
                    reinterpret_cast<const std::uint32_t*>(data + form.extrasAt),
                    reinterpret_cast<const std::uint32_t*>(data + form.beginAt),
                    reinterpret_cast<const std::uint32_t*>(data + form.patchesAt),
                    {}};
  std::copy_n(m.tiles.factors.data(), 16, source.lo);
  return source;
}
template <class Reader>
[[nodiscard]] TileSource<Reader> tileSourceOf(const Matrix& m) {
  return {fourBitOf(m), m.tiles.stream, m.tiles.offsets, static_cast<const TileTable*>(m.tiles.table)};
}

}  // namespace deltascope::kernels::cuda
