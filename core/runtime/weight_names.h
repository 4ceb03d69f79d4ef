// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Under which names the files of a variant have the weights of its model. Internal to core/runtime.
#include <string>
#include <vector>

#include "core/checkpoint/model_names.h"
#include "core/runtime/variant.h"

namespace deltascope {

class WeightNames {
 public:
  explicit WeightNames(const Variant& variant);

  /// By the family's own name: of the last payload that has it, else of the base; the own name itself where none has it. Of a
  /// tied model the one matrix that the final stores, whichever of the two names it bears.
  [[nodiscard]] std::string stored(const std::string& own) const;
  /// Whether any of them has it.
  [[nodiscard]] bool has(const std::string& own) const;
  /// Whether the head is the embedding: config.json ties them, or the file's metadata names one as the alias of the other, and
  /// the final stores one of the two only. Two that are stored are not tied, whatever the config says (as transformers).
  [[nodiscard]] bool tied() const { return m_tied; }
  /// Of the final itself, for messages: what its names begin with.
  [[nodiscard]] const ModelNames& final() const { return m_sources.front(); }

 private:
  std::vector<ModelNames> m_sources;  // the final's own, from the last payload to the base
  bool m_tied = false, m_headAlone = false;
};

}  // namespace deltascope
