// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which files beside the weights speak for a model. Internal to core/runtime.
#include "core/checkpoint/companion_source.h"
#include "core/model/config.h"
#include "core/runtime/runtime.h"

namespace deltascope {

[[nodiscard]] Result<ModelConfig> readModelConfig(const CompanionSource& files);
/// generation_config.json speaks before config.json.
[[nodiscard]] Result<std::vector<TokenId>> readEndIds(const CompanionSource& files, const ModelConfig& config);
/// `payloads`: whether there are any, so that a file which the uppermost lacks is one of another model.
[[nodiscard]] ModelCompanions companionsUsed(const StackedCompanions& files, bool payloads);

}  // namespace deltascope
