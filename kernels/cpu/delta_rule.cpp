// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/cpu/context.h"
#include "kernels/cpu/delta_rule_inner.h"
#include "kernels/cpu/weights.h"

namespace deltascope::kernels {
namespace {

/// log(1 + e^x)
double softplus(double x) { return x > 20 ? x : std::log1p(std::exp(x)); }

std::vector<float> floatsOf(CpuContext& context, ElementType type, const void* from, std::size_t count) {
  std::vector<float> values(count);
  quantizeOps(context.ops.isa).toFloat(type, static_cast<const std::byte*>(from), count, values.data());
  return values;
}

}  // namespace

void convolve(CpuContext& context, const ConvolveArgs& args) {
  const std::uint64_t blocks = (args.channels + kConvolved - 1) / kConvolved;
  const std::uint64_t work = kConvolved * args.kernel * (std::uint64_t{args.tokens} + 4);
  const auto atATime = itemsAtATime(blocks, work, context.pool.threads());
  parallelRuns(context.pool, blocks, atATime, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    for (auto block = begin; block < end; ++block) {
      const std::size_t channel = block * kConvolved;
      context.ops.convolveChannels(args, channel, std::min<std::size_t>(kConvolved, args.channels - channel));
    }
  });
}

void deltaRule(CpuContext& context, const DeltaRuleArgs& args) {
  const auto rate = floatsOf(context, args.rateType, args.rate, args.valueHeads);
  const auto bias = floatsOf(context, args.biasType, args.bias, args.valueHeads);
  constexpr std::uint64_t kGateWork = 64;  // in multiply-adds
  const unsigned threads = context.pool.threads();
  const std::uint64_t tokenWork = kGateWork * args.valueHeads + 4 * std::uint64_t{args.keyHeads} * args.keyDim;
  parallelRuns(context.pool, args.tokens, itemsAtATime(args.tokens, tokenWork, threads),
               [&](std::uint64_t begin, std::uint64_t end, unsigned) {
                 for (auto token = begin; token < end; ++token) {
                   context.ops.normalizeHeads(args, token);
                   const float* decay = args.decay + token * args.valueHeads;
                   const float* strength = args.strength + token * args.valueHeads;
                   float* gates = args.gates + 2 * token * args.valueHeads;
                   for (std::size_t head = 0; head < args.valueHeads; ++head) {
                     const double step = softplus(static_cast<double>(decay[head]) + static_cast<double>(bias[head]));
                     gates[head] = static_cast<float>(std::exp(-std::exp(static_cast<double>(rate[head])) * step));
                     gates[args.valueHeads + head] =
                         static_cast<float>(1 / (1 + std::exp(-static_cast<double>(strength[head]))));
                   }
                 }
               });
  const std::uint64_t blocks = (args.valueDim + kStateColumns - 1) / kStateColumns, items = args.valueHeads * blocks;
  const std::uint64_t work =
      4 * std::uint64_t{args.tokens} * args.keyDim * std::min<std::uint64_t>(args.valueDim, kStateColumns);
  parallelRuns(context.pool, items, itemsAtATime(items, work, threads), [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    for (auto item = begin; item < end; ++item)
      context.ops.deltaRuleColumns(args, item / blocks, item % blocks * kStateColumns);
  });
}

}  // namespace deltascope::kernels
