// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/cpu/context.h"
#include "kernels/cpu/weights.h"

namespace deltascope::kernels {

void storeKv(CpuContext& context, const StoreKvArgs& args) {
  const KvLayer& cache = args.cache;
  const std::size_t dim = cache.headDim, size = bytesOf(cache.type);
  const auto& convert = quantizeOps(context.ops.isa);
  const auto store = [&](void* into, const float* from, std::size_t token, std::size_t head) {
    const std::size_t place = (head * cache.capacity + args.firstPosition + token) * dim;
    convert.fromFloat(cache.type, from + (token * cache.kvHeads + head) * dim, dim,
                      static_cast<std::byte*>(into) + place * size);
  };
  const auto tokens = itemsAtATime(args.tokens, 2 * std::uint64_t{cache.kvHeads} * dim, context.pool.threads());
  parallelRuns(context.pool, args.tokens, tokens, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    for (std::size_t token = begin; token < end; ++token) {
      for (std::size_t head = 0; head < cache.kvHeads; ++head) {
        store(cache.keys, args.keys, token, head);
        store(cache.values, args.values, token, head);
      }
    }
  });
}

void attention(CpuContext& context, const AttentionArgs& args) {
  const std::uint32_t kvHeads = args.cache.kvHeads;
  const std::uint64_t group = args.heads / kvHeads, positions = std::uint64_t{args.firstPosition} + args.tokens;
  const std::uint64_t seen = args.window ? std::min<std::uint64_t>(args.window, positions) : positions;
  const auto items = std::uint64_t{args.tokens} * kvHeads;
  const auto atATime = itemsAtATime(items, 2 * seen * group * args.cache.headDim, context.pool.threads());
  parallelRuns(context.pool, items, atATime, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    // A head's keys serve one token after the other.
    for (auto item = begin; item < end; ++item)
      context.ops.attentionHeads(args, static_cast<std::uint32_t>(item % args.tokens),
                                 static_cast<std::uint32_t>(item / args.tokens));
  });
}

}  // namespace deltascope::kernels
