// SPDX-License-Identifier: Apache-2.0
#include "core/pack/hash.h"

namespace deltascope {

PairHasher::PairHasher(const PackSources& sources, const PackTensor& tensor) : m_sources(sources), m_tensor(tensor) {
  const bool quantizedName = sources.base() && sources.base()->quantized().find(tensor.stats.nameInBase());
  if (tensor.stats.base == BaseKind::None)
    m_baseBytes = BaseBytes::None;
  else if (!tensor.stats.baseShape.empty())
    m_baseBytes = BaseBytes::Elsewhere;  // not all of it is read, or more
  else if (isQuantized(tensor.stats.base))
    m_baseBytes = BaseBytes::Ranges;
  else if (sources.request().quantize)
    m_baseBytes = BaseBytes::Final;
  else
    m_baseBytes = quantizedName ? BaseBytes::Elsewhere : BaseBytes::Ranges;
}

void PairHasher::add(const PairSlice& pair) {
  m_final.update(pair.final);
  if (m_baseBytes == BaseBytes::Ranges) m_base.add(pair.base);
}

Result<TensorHashes> PairHasher::finish(std::span<const float> scales) const {
  TensorHashes hashes{m_final.digest(), {}};
  switch (m_baseBytes) {
    case BaseBytes::None:
      break;
    case BaseBytes::Final:
      hashes.base = hashes.final;
      break;
    case BaseBytes::Ranges:
      if (!isQuantized(m_tensor.stats.base))
        scales = {};
      else if (!m_tensor.quantize)
        scales = m_sources.base()->quantized().find(m_tensor.stats.nameInBase())->scales;
      hashes.base = m_base.finish(scales);
      break;
    case BaseBytes::Elsewhere: {
      // As codes of a quantized weight that are taken as the plain bytes they are: the base hashes it with its scales.
      DELTASCOPE_ASSIGN(hashes.base, m_sources.base()->hash(m_tensor.stats.nameInBase()));
      break;
    }
  }
  return hashes;
}

Result<TermsPtr> TermsCache::get(std::size_t index) {
  const auto& tensor = m_sources.tensors()[index];
  if (tensor.terms.empty()) return TermsPtr{};
  std::lock_guard lock(m_mutex);
  auto& slot = m_loaded[index];
  if (!slot) {
    DELTASCOPE_ASSIGN(slot, m_sources.termsOf(tensor));
  }
  return slot;
}

void TermsCache::release(std::size_t index) {
  std::lock_guard lock(m_mutex);
  m_loaded.erase(index);
}

}  // namespace deltascope
