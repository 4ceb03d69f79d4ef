// SPDX-License-Identifier: Apache-2.0
#include "core/pack/scales.h"

#include "core/base/units.h"

namespace deltascope {

Result<std::vector<float>> ScaleKeeper::measure(const PackItem& item, std::vector<std::byte>& buffer) const {
  const auto& tensor = m_sources.tensors()[item.tensor];
  if (scalesByRow(*m_sources.request().quantize)) return m_sources.rowScales(tensor, item.first, item.count);
  const unsigned blocksize = m_sources.request().blocksize;
  buffer.resize(item.count * bytesOf(tensor.stats.dtype));
  DELTASCOPE_TRY(m_sources.readFinal(tensor, item.first, buffer));
  std::vector<float> scales(ceilDiv(item.count, blocksize));
  blockAbsmax(tensor.stats.dtype, buffer, blocksize, scales);
  return scales;
}

void ScaleKeeper::add(const PackItem& item, std::span<const float> scales) {
  auto& kept = m_tensors[item.tensor];
  if (!kept) kept = std::make_unique<TensorScales>();
  kept->own.insert(kept->own.end(), scales.begin(), scales.end());
  const auto& request = m_sources.request();
  if (scalesByRow(*request.quantize) || !request.doubleQuant) return;
  if (item.first + item.count < m_sources.tensors()[item.tensor].stats.elements) return;
  kept->nested = nestAbsmax(kept->own);
  kept->seen.resize(kept->own.size());
  unnestAbsmax(*kept->nested, 0, kept->seen);
}

std::span<const float> ScaleKeeper::of(const PackItem& chunk) const {
  const auto& tensor = m_sources.tensors()[chunk.tensor];
  if (!m_sources.needsScales(tensor)) return {};
  const IndexRange groups = m_sources.layoutOf(tensor).scalesOf({chunk.first, chunk.count});
  return m_tensors[chunk.tensor]->asRead().subspan(groups.first, groups.count);
}

const TensorScales& ScaleKeeper::all(std::size_t tensor) {
  auto& kept = m_tensors[tensor];
  if (!kept) kept = std::make_unique<TensorScales>();
  return *kept;
}

}  // namespace deltascope
