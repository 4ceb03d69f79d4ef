// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/context.h"

namespace deltascope::kernels {
namespace {

/// What one exponential costs, in multiplications.
constexpr std::uint64_t kWorkOfOne = 8;

template <class F>
void inRuns(CpuContext& context, std::uint64_t count, std::uint64_t workOfOne, F&& f) {
  const auto items = itemsAtATime(count, workOfOne, context.pool.threads());
  parallelRuns(context.pool, count, items, [&](std::uint64_t begin, std::uint64_t end, unsigned) { f(begin, end - begin); });
}

}  // namespace

void siluMultiply(CpuContext& context, const GateMultiplyArgs& args) {
  inRuns(context, args.count, kWorkOfOne, [&](std::uint64_t begin, std::uint64_t count) {
    context.ops.siluMultiply(args.gate + begin, args.up + begin, args.out + begin, count);
  });
}

void sigmoidMultiply(CpuContext& context, const GateMultiplyArgs& args) {
  inRuns(context, args.count, kWorkOfOne, [&](std::uint64_t begin, std::uint64_t count) {
    context.ops.sigmoidMultiply(args.gate + begin, args.up + begin, args.out + begin, count);
  });
}

void geluMultiply(CpuContext& context, const GateMultiplyArgs& args) {
  inRuns(context, args.count, kWorkOfOne, [&](std::uint64_t begin, std::uint64_t count) {
    context.ops.geluMultiply(args.gate + begin, args.up + begin, args.out + begin, count);
  });
}

void clampedGateMultiply(CpuContext& context, const ClampedGateArgs& args) {
  inRuns(context, args.count, kWorkOfOne, [&](std::uint64_t begin, std::uint64_t count) {
    ClampedGateArgs run = args;
    run.pairs += 2 * begin;
    run.out += begin;
    run.count = count;
    context.ops.clampedGateMultiply(run);
  });
}

void softCap(CpuContext& context, const SoftCapArgs& args) {
  inRuns(context, args.count, 2 * kWorkOfOne,
         [&](std::uint64_t begin, std::uint64_t count) { context.ops.softCap(args.x + begin, count, args.cap); });
}

void scale(CpuContext& context, const ScaleArgs& args) {
  inRuns(context, args.count, 1, [&](std::uint64_t begin, std::uint64_t count) {
    for (float& x : std::span(args.x + begin, count)) x *= args.factor;
  });
}

void addRows(CpuContext& context, const AddRowsArgs& args) {
  inRuns(context, args.count, args.columns, [&](std::uint64_t begin, std::uint64_t count) {
    for (std::uint64_t i = begin; i < begin + count; ++i) {
      const float* const from = args.x + i * args.columns;
      float* const into = args.into + args.rows[i] * args.columns;
      for (std::uint64_t c = 0; c < args.columns; ++c) into[c] += args.weights[i] * from[c];
    }
  });
}

void addScaled(CpuContext& context, const AddScaledArgs& args) {
  inRuns(context, args.count, 1, [&](std::uint64_t begin, std::uint64_t count) {
    for (std::uint64_t i = begin; i < begin + count; ++i) args.into[i] += args.factor * args.x[i];
  });
}

}  // namespace deltascope::kernels
