// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>

#include "core/base/ordered.h"
#include "core/pack/scales.h"

namespace deltascope {
namespace {

/// What one item of the pass read.
struct Compared {
  PairSlice pair;
  std::vector<float> scales;
};

class WholeComparison {
 public:
  WholeComparison(const PackSources& sources, PackPlan& plan, TermsCache& terms, Meter& meter)
      : m_sources(sources), m_plan(plan), m_terms(terms), m_meter(meter), m_scales(sources), m_differs(plan.tensors.size()) {}

  Result<Compared> work(const PackItem& item) {
    Compared compared;
    if (item.kind == PackItem::Kind::Nothing || m_differs[item.tensor]) return compared;
    if (item.kind == PackItem::Kind::Scales) {
      DELTASCOPE_ASSIGN(compared.scales, m_scales.measure(item, compared.pair.final));
      return compared;
    }
    auto& pair = compared.pair;
    DELTASCOPE_ASSIGN(const TermsPtr terms, m_terms.get(item.tensor));
    DELTASCOPE_TRY(
        m_sources.read(m_sources.tensors()[item.tensor], item.first, item.count, m_scales.of(item), terms.get(), pair));
    if (!std::ranges::equal(pair.base.slice.values, pair.final)) m_differs[item.tensor] = true;
    return compared;
  }

  Result<void> commit(const PackItem& item, const Compared& compared) {
    if (item.kind == PackItem::Kind::Scales) m_scales.add(item, compared.scales);
    if (item.kind != PackItem::Kind::Chunk) return {};
    const auto& tensor = m_sources.tensors()[item.tensor];
    if (item.first == 0) m_hasher.emplace(m_sources, tensor);
    if (!tensor.quantize && !m_differs[item.tensor]) m_hasher->add(compared.pair);
    return item.first + item.count == tensor.stats.elements ? settle(item.tensor) : Result<void>{};
  }

 private:
  Result<void> settle(std::size_t index) {
    const auto& tensor = m_sources.tensors()[index];
    auto& plan = m_plan.tensors[index];
    m_terms.release(index);
    m_scales.release(index);
    plan.same = m_differs[index] ? Sameness::No : Sameness::Yes;
    if (plan.same == Sameness::No || tensor.quantize) return {};
    plan.compared = true;
    DELTASCOPE_ASSIGN(m_plan.hashes[index], m_hasher->finish({}));
    m_meter.add(tensor.stats.name, tensor.stats.finalBytes, true);
    return {};
  }

  const PackSources& m_sources;
  PackPlan& m_plan;
  TermsCache& m_terms;
  Meter& m_meter;
  ScaleKeeper m_scales;
  std::vector<std::atomic<bool>> m_differs;  ///< by tensor
  std::optional<PairHasher> m_hasher;        ///< of the tensor being committed
};

}  // namespace

Result<void> compareWholes(const PackSources& sources, PackPlan& plan, TermsCache& terms, const JobContext& job, Meter& meter) {
  const std::size_t window = job.threadCount() + kItemsAhead;
  const auto items = packItems(sources, plan, window, PackPass::Compare);
  if (items.empty()) return {};
  meter.phase("comparing");
  WholeComparison comparison(sources, plan, terms, meter);
  return runOrdered<Compared>(
      items.size(), job.threadCount(), window, job.stop, [&](std::size_t i) { return comparison.work(items[i]); },
      [&](std::size_t i, Compared&& compared) { return comparison.commit(items[i], compared); });
}

}  // namespace deltascope
