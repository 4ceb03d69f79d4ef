// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/base/units.h"
#include "core/checkpoint/matrices.h"
#include "core/pack/work.h"

namespace deltascope {
namespace {

void addRanges(std::vector<PackItem>& items, PackItem::Kind kind, std::size_t tensor, std::uint64_t total, std::uint64_t step) {
  for (std::uint64_t first = 0; first < total; first += step)
    items.push_back({kind, static_cast<std::uint32_t>(tensor), first, std::min(step, total - first)});
}

void addScales(std::vector<PackItem>& items, const PackSources& sources, const PackPlan& plan, std::size_t t) {
  const auto& tensor = sources.tensors()[t];
  const std::uint64_t chunk = plan.tensors[t].chunkElements;
  if (scalesByRow(*sources.request().quantize))
    addRanges(items, PackItem::Kind::Scales, t, matrixRows(tensor.stats.shape),
              std::max<std::uint64_t>(1, chunk / tensor.stats.shape.back()));
  else
    addRanges(items, PackItem::Kind::Scales, t, tensor.stats.elements, chunk);
}

}  // namespace

std::vector<PackItem> packItems(const PackSources& sources, const PackPlan& plan, std::size_t window, PackPass pass) {
  const auto& tensors = sources.tensors();
  const auto taken = [&](std::size_t t) {
    const auto& tensor = plan.tensors[t];
    return pass == PackPass::Pack ? !tensor.compared : tensor.same == Sameness::Possible || tensor.same == Sameness::Unsure;
  };
  const auto needsScales = [&](std::size_t t) { return taken(t) && sources.needsScales(tensors[t]); };
  std::vector<PackItem> items;
  std::vector<std::size_t> ready(tensors.size(), 0);  // first position at which the tensor's chunks may start
  std::size_t scaled = 0;                             // tensors whose scales are among the items
  const auto addNextScales = [&] {
    if (needsScales(scaled)) {
      addScales(items, sources, plan, scaled);
      ready[scaled] = items.size() - 1 + window;
    }
    ++scaled;
  };
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    while (scaled <= t) addNextScales();
    // While there is a gap, the next tensor's scales fill it.
    while (items.size() < ready[t]) {
      if (scaled < tensors.size() && scaled <= t + 1 && needsScales(scaled))
        addNextScales();
      else
        items.push_back({});
    }
    if (taken(t)) addRanges(items, PackItem::Kind::Chunk, t, tensors[t].stats.elements, plan.tensors[t].chunkElements);
  }
  return items;
}

}  // namespace deltascope
