// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/cpu/context.h"

namespace deltascope::kernels {

Outcome<void> matmul(CpuContext& context, const MatmulArgs& args) {
  for (auto& scratch : context.scratch) scratch.splitOf = nullptr;
  if (args.weight.transposed) return matmulTransposed(context, args);
  if (args.weight.form == Matrix::Form::Made) return matmulMade(context, args);
  const auto least = itemsAtATime(args.weight.rows, args.weight.columns * args.tokens, context.pool.threads());
  const std::uint64_t rows = (least + 7) / 8 * 8;
  parallelRuns(context.pool, args.weight.rows, rows, [&](std::uint64_t begin, std::uint64_t end, unsigned thread) {
    context.ops.productRows({args, args.weight, begin, end, begin}, context.scratch[thread]);
  });
  return {};
}

}  // namespace deltascope::kernels
