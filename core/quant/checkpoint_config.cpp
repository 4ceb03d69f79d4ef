// SPDX-License-Identifier: Apache-2.0
#include "core/quant/checkpoint_config.h"

#include <nlohmann/json.hpp>

namespace deltascope {

const nlohmann::json& configMember(const nlohmann::json& object, const char* name) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::optional<DType> configuredDtype(const nlohmann::json& config) {
  for (const char* name : {"dtype", "torch_dtype"})
    if (const auto& value = configMember(config, name); value.is_string())
      if (const auto dtype = dtypeFromTorchName(value.get_ref<const std::string&>())) return dtype;
  return std::nullopt;
}

}  // namespace deltascope
