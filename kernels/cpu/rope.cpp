// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/context.h"

namespace deltascope::kernels {

void rope(CpuContext& context, const RopeArgs& args) {
  const auto tokens = itemsAtATime(args.tokens, std::uint64_t{args.heads} * args.headDim, context.pool.threads());
  parallelRuns(context.pool, args.tokens, tokens, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    for (auto token = begin; token < end; ++token) context.ops.ropeToken(args, static_cast<std::uint32_t>(token));
  });
}

}  // namespace deltascope::kernels
