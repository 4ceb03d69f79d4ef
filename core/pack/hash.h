// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The hashes of a tensor's two sides, as its ranges pass in order.
#include <mutex>

#include "core/pack/plan.h"
#include "core/quant/base_hasher.h"

namespace deltascope {

class PairHasher {
 public:
  PairHasher(const PackSources& sources, const PackTensor& tensor);
  void add(const PairSlice& pair);  ///< the next range
  /// `scales`: of the whole tensor, as a reader of the new base will see them; only of one that was quantized here.
  [[nodiscard]] Result<TensorHashes> finish(std::span<const float> scales) const;

 private:
  enum class BaseBytes { None, Final, Ranges, Elsewhere };
  const PackSources& m_sources;
  const PackTensor& m_tensor;
  BaseBytes m_baseBytes;
  Hasher128 m_final;
  mutable BaseHasher m_base;
};

/// The factors of tensors that adapters change, loaded when first asked for and kept until released.
class TermsCache {
 public:
  explicit TermsCache(const PackSources& sources) : m_sources(sources) {}
  /// Null for a tensor without terms. Threads: may be called concurrently.
  [[nodiscard]] Result<TermsPtr> get(std::size_t index);
  void release(std::size_t index);

 private:
  const PackSources& m_sources;
  std::mutex m_mutex;
  std::map<std::size_t, TermsPtr> m_loaded;
};

}  // namespace deltascope
