// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which weights of a model are quantized where transformers loads it with bitsandbytes (load_in_4bit, load_in_8bit): those of
/// modules that are exactly nn.Linear or Conv1D there, but for the output head and what is tied to it, the last module, and
/// what the model's class keeps in FP32. Experts that transformers stacks in one parameter are no modules. Names are a
/// checkpoint's.
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/checkpoint.h"

namespace deltascope {

enum class LinearKind : std::uint8_t {
  None,
  Linear,  ///< stored as [out, in]
  Conv1D,  ///< stored as [in, out], quantized as its transpose
};

class LinearLayers {
 public:
  /// Of the model_type that config.json names; a model without one is taken for one of the usual kind.
  explicit LinearLayers(const Checkpoint& model);
  explicit LinearLayers(std::string modelType) : m_type(std::move(modelType)) {}

  [[nodiscard]] LinearKind kindOf(std::string_view tensor, const std::vector<std::uint64_t>& shape) const;
  /// None of its layers is one (Falcon's have a class of their own).
  [[nodiscard]] bool areNone() const;
  /// The module of the output head, which may be tied and then has no tensor: "lm_head" for most.
  [[nodiscard]] std::string_view head() const;
  [[nodiscard]] const std::string& modelType() const { return m_type; }

 private:
  std::string m_type;
};

}  // namespace deltascope
