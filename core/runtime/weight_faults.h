// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Why a weight that a model needs cannot be had from its files: what they are instead, and what to do. Internal to
/// core/runtime.
#include <filesystem>

#include "core/runtime/variant.h"
#include "core/runtime/weight_names.h"

namespace deltascope {

/// Borrows both.
class WeightFaults {
 public:
  WeightFaults(const Variant& variant, const WeightNames& names) : m_variant(variant), m_names(names) {}

  /// A LoRA beside the weights that it would change, saved without being merged.
  [[nodiscard]] Result<void> refuseUnmerged() const;
  /// A GGUF file holds nothing that the model does not compute with: what is left over would be missed in silence. Call it once
  /// all weights are traced.
  [[nodiscard]] Result<void> refuseUnused() const;
  [[nodiscard]] Error missing(const std::filesystem::path& file, const WeightSpec& spec) const;
  [[nodiscard]] Error wrongShape(const std::filesystem::path& file, const WeightSpec& spec,
                                 const std::vector<std::uint64_t>& shape) const;
  [[nodiscard]] Error wrongType(const std::filesystem::path& file, const WeightSpec& spec, DType type) const;

 private:
  [[nodiscard]] std::optional<std::string> quantization() const;

  const Variant& m_variant;
  const WeightNames& m_names;
};

}  // namespace deltascope
