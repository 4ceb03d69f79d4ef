// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/context.h"

namespace deltascope::kernels {

void siluMultiply(CpuContext& context, const SiluMultiplyArgs& args) {
  constexpr std::uint64_t kWorkOfOne = 8;
  const auto items = itemsAtATime(args.count, kWorkOfOne, context.pool.threads());
  parallelRuns(context.pool, args.count, items, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    context.ops.siluMultiply(args.gate + begin, args.up + begin, args.out + begin, end - begin);
  });
}

}  // namespace deltascope::kernels
