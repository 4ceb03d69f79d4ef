// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fills in what productKernel takes, from matrices. Included by one file a source, so that they compile apart.
#include <algorithm>
#include <bit>

#include "kernels/cuda/dependent.cuh"
#include "kernels/cuda/product.cuh"

namespace deltascope::kernels::cuda {

[[nodiscard]] inline DenseSource denseSourceOf(const Matrix& m) {
  return {static_cast<const std::byte*>(m.elements), static_cast<std::uint32_t>(m.columns), static_cast<std::uint32_t>(m.rows)};
}
[[nodiscard]] inline CodeSource codeSourceOf(const Matrix& m) {
  CodeSource source{m.tiles.stream, static_cast<std::uint32_t>(m.columns / kUnitColumns), {}};
  std::copy_n(m.values, 16, source.values);
  return source;
}
[[nodiscard]] inline ByteSource byteSourceOf(const Matrix& m) {
  const UnitForm form(m.rows, m.columns, true);
  ByteSource source{m.tiles.stream,
                    reinterpret_cast<const std::uint32_t*>(m.tiles.stream + form.overflowAt),
                    static_cast<std::uint32_t>(m.columns / kUnitColumns),
                    {}};
  std::copy_n(m.tiles.factors.data(), 16, source.lo);
  return source;
}

template <class Source, int kParts, class SourceOf>
void launchProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts, SourceOf&& sourceOf) {
  ProductArgs<Source> args{};
  args.x = how.norm ? how.norm->x : parts[0].x;
  args.parts = static_cast<std::uint32_t>(parts.size());
  args.columns = static_cast<std::uint32_t>(parts[0].weight.columns);
  args.accumulate = parts[0].accumulate;
  args.gated = how.gated;
  if (how.norm) {
    args.normWeight = how.norm->weight;
    args.normType = how.norm->weightType;
    args.epsilon = how.norm->epsilon;
  }
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto rows = static_cast<std::uint32_t>(parts[p].weight.rows), groups = (rows + kUnitRows - 1) / kUnitRows;
    args.part[p] = {sourceOf(parts[p].weight), parts[p].y, parts[p].bias, rows, groups};
    if (parts[p].bias) args.biasType = parts[p].biasType;
    if (p == 0 || !how.gated) args.groups += groups;
  }
  const std::uint32_t shared = xBytes<kParts>(args.columns) + kSumBytes;
  cudaFuncSetAttribute(productKernel<Source, kParts>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       static_cast<int>(machine.sharedBytes - Source::kTableWords * 4 - 1024));
  const unsigned blocks = std::min(machine.processors, args.groups);
  Machine own = machine;
  own.dependentLaunch = machine.dependentLaunch && !how.made;
  launchDependent(own, productKernel<Source, kParts>, blocks, kProductThreads, shared, args);
}

template <class Source, class SourceOf>
void launchProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts, SourceOf&& sourceOf) {
  if (how.compute == Compute::Bf16)
    launchProduct<Source, 1>(machine, how, parts, sourceOf);
  else
    launchProduct<Source, 3>(machine, how, parts, sourceOf);
}

/// Parts of one source type; one function a file.
void denseProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts);
void codeProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts);
void byteProduct(const Machine& machine, const TokenProduct& how, std::span<const MatmulArgs> parts);

}  // namespace deltascope::kernels::cuda
