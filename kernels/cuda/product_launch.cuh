// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fills in what productKernel takes, from matrices. Included by one file a source, so that they compile apart.
#include <algorithm>
#include <bit>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/product.cuh"

namespace deltascope::kernels::cuda {

[[nodiscard]] inline FourBit fourBitOf(const Matrix& m) {
  return {m.codes, reinterpret_cast<const std::uint32_t*>(m.scales), static_cast<std::uint32_t>(m.columns),
          static_cast<unsigned>(std::countr_zero(m.group))};
}
[[nodiscard]] inline DenseSource denseSourceOf(const Matrix& m) {
  return {static_cast<const std::byte*>(m.elements), static_cast<std::uint32_t>(m.columns)};
}
[[nodiscard]] inline BaseSource baseSourceOf(const Matrix& m) {
  BaseSource source{fourBitOf(m), {}};
  std::copy_n(m.values, 16, source.values);
  return source;
}
[[nodiscard]] inline ByteSource byteSourceOf(const Matrix& m) {
  const ByteForm form(m.rows, m.columns);
  const std::byte* data = m.tiles.stream;
  ByteSource source{fourBitOf(m),
                    reinterpret_cast<const uint4*>(data),
                    reinterpret_cast<const std::uint32_t*>(data + form.recordsAt),
                    reinterpret_cast<const std::uint32_t*>(data + form.overflowAt),
                    {}};
  std::copy_n(m.tiles.factors.data(), 16, source.lo);
  return source;
}

template <class Source, int kParts, class SourceOf>
void launchProduct(const Machine& machine, std::span<const MatmulArgs> parts, bool gated, SourceOf&& sourceOf) {
  ProductArgs<Source> args{};
  args.x = parts[0].x;
  args.parts = static_cast<std::uint32_t>(parts.size());
  args.columns = static_cast<std::uint32_t>(parts[0].weight.columns);
  args.accumulate = parts[0].accumulate;
  args.gated = gated;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto rows = static_cast<std::uint32_t>(parts[p].weight.rows), groups = (rows + kUnitRows - 1) / kUnitRows;
    args.part[p] = {sourceOf(parts[p].weight), parts[p].y, parts[p].bias, rows, groups};
    if (parts[p].bias) args.biasType = static_cast<std::uint32_t>(parts[p].biasType);
    if (p == 0 || !gated) args.groups += groups;
  }
  const std::uint32_t shared = xBytes<kParts>(args.columns) + kSumBytes + Source::kTableBytes;
  cudaFuncSetAttribute(productKernel<Source, kParts>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       static_cast<int>(machine.sharedBytes));
  const unsigned blocks = std::min(machine.processors, args.groups);
  productKernel<Source, kParts><<<blocks, kProductThreads, shared, machine.stream>>>(args);
}

template <class Source, class SourceOf>
void launchProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated,
                   SourceOf&& sourceOf) {
  if (compute == Compute::Bf16)
    launchProduct<Source, 1>(machine, parts, gated, sourceOf);
  else
    launchProduct<Source, 3>(machine, parts, gated, sourceOf);
}

/// Parts of one source type; one function a file.
void denseProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);
void baseProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);
void byteProduct(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated);

}  // namespace deltascope::kernels::cuda
