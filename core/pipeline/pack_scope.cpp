// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "core/checkpoint/matrices.h"
#include "core/checkpoint/model_names.h"
#include "core/pipeline/pack_sources.h"

namespace deltascope {
namespace {

/// Parts of module names that stay as they are: embeddings, output heads (transformers keeps the last module), MoE routers (not
/// nn.Linear in every version) and norms.
constexpr std::array<std::string_view, 13> kKeptParts{"embed", "wte",        "wpe",         "shared", "lm_head",
                                                      "score", "classifier", "output_head", "router", "shared_expert_gate",
                                                      "norm",  "ln_f",       "embedding"};
constexpr std::string_view kWeight = ".weight";

}  // namespace

bool isQuantizedBy(PackScope scope, const TensorInfo& tensor) {
  if (tensor.elements == 0 || !isCodedFloat(tensor.dtype)) return false;
  if (scope == PackScope::All) return matricesOf(tensor.name, tensor.shape).has_value();
  if (tensor.shape.size() != 2) return false;
  const std::string plain = withoutWrappers(tensor.name);
  std::string_view name = plain;
  if (!name.ends_with(kWeight)) return false;
  name.remove_suffix(kWeight.size());
  const std::string_view module = name.substr(name.rfind('.') + 1);
  if (module == "gate") return false;
  for (const auto part : kKeptParts)
    if (module.find(part) != std::string_view::npos) return false;
  return true;
}

}  // namespace deltascope
