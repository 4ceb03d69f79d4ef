// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "core/base/ordered.h"
#include "core/pipeline/pack_work.h"

namespace deltascope {
namespace {

struct Range {
  std::size_t tensor = 0;
  std::uint64_t first = 0;
  std::size_t count = 0;
  bool last = false;
};

std::vector<Range> rangesToCompare(const PackSources& sources, const PackPlan& plan) {
  std::vector<Range> ranges;
  for (std::size_t t = 0; t < plan.tensors.size(); ++t) {
    if (plan.tensors[t].same != Sameness::Possible) continue;
    const std::uint64_t elements = sources.tensors()[t].stats.elements, step = plan.tensors[t].chunkElements;
    for (std::uint64_t first = 0; first < elements; first += step) {
      const std::uint64_t count = std::min(step, elements - first);
      ranges.push_back({t, first, static_cast<std::size_t>(count), first + count == elements});
    }
  }
  return ranges;
}

}  // namespace

Result<void> compareWholes(const PackSources& sources, PackPlan& plan, TermsCache& terms, const JobContext& job, Meter& meter) {
  const auto ranges = rangesToCompare(sources, plan);
  if (ranges.empty()) return {};
  meter.phase("comparing");
  std::vector<std::atomic<bool>> differs(plan.tensors.size());
  std::optional<PairHasher> hasher;
  return runOrdered<PairSlice>(
      ranges.size(), job.threadCount(), job.threadCount() + kItemsAhead, job.stop,
      [&](std::size_t i) -> Result<PairSlice> {
        const auto& range = ranges[i];
        PairSlice pair;
        if (differs[range.tensor]) return pair;
        DELTASCOPE_ASSIGN(const TermsPtr loaded, terms.get(range.tensor));
        DELTASCOPE_TRY(sources.read(sources.tensors()[range.tensor], range.first, range.count, {}, loaded.get(), pair));
        if (!std::ranges::equal(pair.base.slice.values, pair.final)) differs[range.tensor] = true;
        return pair;
      },
      [&](std::size_t i, PairSlice&& pair) -> Result<void> {
        const auto& range = ranges[i];
        const auto& tensor = sources.tensors()[range.tensor];
        if (range.first == 0) hasher.emplace(sources, tensor);
        if (!differs[range.tensor]) hasher->add(pair);
        if (!range.last) return {};
        auto& tensorPlan = plan.tensors[range.tensor];
        terms.release(range.tensor);
        if (differs[range.tensor]) {
          tensorPlan.same = Sameness::No;
          return {};
        }
        tensorPlan.same = Sameness::Yes;
        tensorPlan.compared = true;
        DELTASCOPE_ASSIGN(plan.hashes[range.tensor], hasher->finish({}));
        meter.add(tensor.stats.name, tensor.stats.finalBytes, true);
        return {};
      });
}

}  // namespace deltascope
