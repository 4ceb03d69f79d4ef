// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the operations of an opened processor share.
#include <memory>
#include <vector>

#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/pool.h"
#include "kernels/shared/account.h"

namespace deltascope::kernels {

struct CpuContext {
  const CpuOps& ops;
  std::shared_ptr<MemoryAccount> account;
  Pool pool;
  Buffer productMemory;
  std::vector<ProductScratch> scratch;  ///< one a thread
  Buffer madeScratch;                   ///< reserved for Made weights; may be empty
};

/// Accounted memory of the host, aligned to 64 bytes; large blocks on huge pages where the system has them.
[[nodiscard]] Outcome<Buffer> allocateHost(const std::shared_ptr<MemoryAccount>& account, std::uint64_t bytes,
                                           std::string_view what);

// The operations, each in the file of its name.
[[nodiscard]] Outcome<void> matmul(CpuContext& context, const MatmulArgs& args);
[[nodiscard]] Outcome<void> matmulMade(CpuContext& context, const MatmulArgs& args);
[[nodiscard]] Outcome<void> matmulTransposed(CpuContext& context, const MatmulArgs& args);
[[nodiscard]] Outcome<void> gatherRows(CpuContext& context, const GatherRowsArgs& args);
void rmsNorm(CpuContext& context, const RmsNormArgs& args);
void rope(CpuContext& context, const RopeArgs& args);
void storeKv(CpuContext& context, const StoreKvArgs& args);
void attention(CpuContext& context, const AttentionArgs& args);
void siluMultiply(CpuContext& context, const GateMultiplyArgs& args);
void sigmoidMultiply(CpuContext& context, const GateMultiplyArgs& args);
void geluMultiply(CpuContext& context, const GateMultiplyArgs& args);
void clampedGateMultiply(CpuContext& context, const ClampedGateArgs& args);
void scale(CpuContext& context, const ScaleArgs& args);
void addScaled(CpuContext& context, const AddScaledArgs& args);
void softCap(CpuContext& context, const SoftCapArgs& args);
void convolve(CpuContext& context, const ConvolveArgs& args);
void deltaRule(CpuContext& context, const DeltaRuleArgs& args);
void addRows(CpuContext& context, const AddRowsArgs& args);

/// Items of a loop a thread should take at a time, so that waking the others pays: `work` is what one item costs, in
/// multiply-adds.
[[nodiscard]] inline std::uint64_t itemsAtATime(std::uint64_t items, std::uint64_t work, unsigned threads) {
  constexpr std::uint64_t kWorthwhile = 16384;
  const std::uint64_t least = kWorthwhile / (work + 1) + 1;
  const std::uint64_t even = items / (std::uint64_t{threads} * 4) + 1;
  return even > least ? even : least;
}

/// f(begin, end, thread) over runs of `atATime` of `items`.
template <class F>
void parallelRuns(Pool& pool, std::uint64_t items, std::uint64_t atATime, F&& f) {
  const auto runs = static_cast<std::uint32_t>((items + atATime - 1) / atATime);
  pool.parallelFor(runs, [&](std::uint32_t run, unsigned thread) {
    const std::uint64_t begin = run * atATime;
    f(begin, begin + atATime < items ? begin + atATime : items, thread);
  });
}

}  // namespace deltascope::kernels
