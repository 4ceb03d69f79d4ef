// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/made.h"

#include <algorithm>

namespace deltascope::kernels {

std::uint64_t MadeScratch::bytes(unsigned threads, std::uint64_t stepBytes, std::uint64_t rowBytes, std::size_t pieces) {
  const std::uint64_t cuts = pieces > 1 ? pieces - 1 : 0;
  return threads * threadBytes(stepBytes, rowBytes) + cuts * roundUp(rowBytes);
}

Outcome<MadeScratch> MadeScratch::take(CpuContext& context, std::uint64_t stepBytes, std::uint64_t rowBytes,
                                       std::size_t pieces) {
  MadeScratch scratch;
  scratch.m_stepBytes = roundUp(stepBytes);
  scratch.m_rowBytes = roundUp(rowBytes);
  scratch.m_threads = context.pool.threads();
  if (auto held = scratch.hold(context, bytes(context.pool.threads(), stepBytes, rowBytes, pieces)); !held)
    return tl::unexpected(std::move(held.error()));
  return scratch;
}

Outcome<MadeScratch> MadeScratch::takeWhole(CpuContext& context, std::uint64_t stepBytes, std::uint64_t wholeBytes) {
  MadeScratch scratch;
  scratch.m_stepBytes = roundUp(stepBytes);
  scratch.m_threads = context.pool.threads();
  if (auto held = scratch.hold(context, scratch.m_threads * scratch.m_stepBytes + roundUp(wholeBytes)); !held)
    return tl::unexpected(std::move(held.error()));
  return scratch;
}

Outcome<void> MadeScratch::hold(CpuContext& context, std::uint64_t bytes) {
  if (bytes > context.madeScratch.bytes()) {
    auto own = allocateHost(context.account, bytes, "the scratch of a product with made weights");
    if (!own) return tl::unexpected(std::move(own.error()));
    m_own = std::move(*own);
  }
  m_data = m_own ? m_own.as<std::byte>() : context.madeScratch.as<std::byte>();
  return {};
}

Outcome<void> checkSource(const Matrix& matrix) {
  const ElementSource& source = *matrix.source;
  const std::uint64_t elements = matrix.rows * matrix.columns, made = source.pieceBegin(source.pieces());
  if (made != elements || source.pieceBegin(0) != 0)
    return tl::unexpected(
        Failure{Failure::Kind::Data,
                "a weight of " + std::to_string(elements) + " elements is made of pieces with " + std::to_string(made),
                {}});
  if (source.step() == 0 && elements > 0)
    return tl::unexpected(Failure{Failure::Kind::Data, "the source of a weight makes no elements in a step", {}});
  return {};
}

std::uint64_t largestStep(const ElementSource& source) {
  std::uint64_t largest = 0;
  for (std::size_t piece = 0; piece < source.pieces() && largest < source.step(); ++piece)
    largest = std::max(largest, std::min(source.step(), source.pieceBegin(piece + 1) - source.pieceBegin(piece)));
  return largest;
}

}  // namespace deltascope::kernels
