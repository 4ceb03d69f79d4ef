// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The scales of tensors that are quantized here, gathered as a pass goes over them.
#include "core/pack/work.h"

namespace deltascope {

/// Of one tensor: absmax of every block, or the largest magnitude of every row.
struct TensorScales {
  std::vector<float> own;   ///< as quantized
  std::vector<float> seen;  ///< the same as a reader of the base sees them, where they differ
  std::optional<NestedAbsmax> nested;

  [[nodiscard]] std::span<const float> asRead() const { return seen.empty() ? own : seen; }
};

/// Threads: measure() and of() on any; the others on the one that commits, in the order of items. What was committed before an
/// item started is seen by it.
class ScaleKeeper {
 public:
  explicit ScaleKeeper(const PackSources& sources) : m_sources(sources), m_tensors(sources.tensors().size()) {}

  /// The scales of an item of Kind::Scales. `buffer` is for the weights it reads.
  [[nodiscard]] Result<std::vector<float>> measure(const PackItem& item, std::vector<std::byte>& buffer) const;
  /// The next ones of the tensor; once they are all there, their double quantization is made.
  void add(const PackItem& item, std::span<const float> scales);
  /// Those of the blocks or rows that the chunk touches; empty where they follow from the chunk itself.
  [[nodiscard]] std::span<const float> of(const PackItem& chunk) const;
  [[nodiscard]] const TensorScales& all(std::size_t tensor);
  void release(std::size_t tensor) { m_tensors[tensor].reset(); }

 private:
  const PackSources& m_sources;
  std::vector<std::unique_ptr<TensorScales>> m_tensors;
};

}  // namespace deltascope
