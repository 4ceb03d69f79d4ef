// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a checkpoint's config.json says of its weights.
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "core/checkpoint/dtype.h"

namespace deltascope {

/// A member of a JSON object; null where it has none, or is no object.
[[nodiscard]] const nlohmann::json& configMember(const nlohmann::json& object, const char* name);
/// The type of the model's values: "dtype", which transformers 4 called "torch_dtype".
[[nodiscard]] std::optional<DType> configuredDtype(const nlohmann::json& config);

}  // namespace deltascope
