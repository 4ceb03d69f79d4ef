// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "core/model/config.h"

namespace deltascope {

/// The first thing of a model that GPUs have no operation for yet, in words; empty: nothing.
[[nodiscard]] std::string_view onlyOnProcessor(const ModelConfig& config);

}  // namespace deltascope
