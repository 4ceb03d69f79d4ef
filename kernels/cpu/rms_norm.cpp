// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/context.h"

namespace deltascope::kernels {

void rmsNorm(CpuContext& context, const RmsNormArgs& args) {
  const auto rows = itemsAtATime(args.rows, args.columns, context.pool.threads());
  parallelRuns(context.pool, args.rows, rows, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    for (auto row = begin; row < end; ++row) context.ops.rmsNormRow(args, static_cast<std::uint32_t>(row));
  });
}

}  // namespace deltascope::kernels
