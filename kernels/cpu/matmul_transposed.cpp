// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "kernels/cpu/made.h"

namespace deltascope::kernels {
namespace {

/// All elements of a Made weight, where they lie in the scratch.
Outcome<void> makeWhole(CpuContext& context, const Matrix& weight, const MadeScratch& scratch) {
  const ElementSource& source = *weight.source;
  const std::uint64_t size = bytesOf(weight.type);
  FirstFailure failure;
  context.pool.parallelFor(static_cast<std::uint32_t>(source.pieces()), [&](std::uint32_t piece, unsigned thread) {
    if (failure.any()) return;
    const auto made = eachStep(source, piece, [&](std::uint64_t first, std::uint64_t count) -> Outcome<void> {
      std::byte* const into = scratch.whole() + first * size;
      const bool aligned = first * size % kCacheLineBytes == 0;
      if (auto done = source.make(piece, first, count, aligned ? into : scratch.step(thread)); !done) return done;
      if (!aligned) std::memcpy(into, scratch.step(thread), count * size);
      return {};
    });
    if (!made) failure.set(made.error());
  });
  return failure.outcome();
}

}  // namespace

Outcome<void> matmulTransposed(CpuContext& context, const MatmulArgs& args) {
  Matrix weight = args.weight;
  Outcome<MadeScratch> scratch = MadeScratch();
  if (weight.form == Matrix::Form::Made) {
    if (auto sound = checkSource(weight); !sound || weight.rows * weight.columns == 0) return sound;
    const std::uint64_t size = bytesOf(weight.type);
    scratch = MadeScratch::takeWhole(context, largestStep(*weight.source) * size, weight.rows * weight.columns * size);
    if (!scratch) return tl::unexpected(scratch.error());
    if (auto made = makeWhole(context, weight, *scratch); !made) return made;
    weight.form = Matrix::Form::Dense;
    weight.elements = scratch->whole();
  }
  constexpr std::uint64_t kBlock = ProductColumns::kBlock;
  const std::uint64_t blocks = (weight.columns + kBlock - 1) / kBlock;
  const auto atATime = itemsAtATime(blocks, weight.rows * kBlock * args.tokens, context.pool.threads());
  parallelRuns(context.pool, blocks, atATime, [&](std::uint64_t begin, std::uint64_t end, unsigned thread) {
    const ProductColumns columns{args, weight, begin * kBlock, std::min(end * kBlock, weight.columns)};
    context.ops.productColumns(columns, context.scratch[thread]);
  });
  return {};
}

}  // namespace deltascope::kernels
