// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Texts that go with a packed model or payload.
#include <map>
#include <string>

#include "core/pack/sources.h"

namespace deltascope {

/// The final's config.json with the quantization_config that makes transformers load the new base; as it was when everything
/// 2-D was quantized, which transformers does not load, or when it is not a JSON object.
[[nodiscard]] std::string configForBase(const std::string& original, const PackSources& sources);

/// What a payload says of its making, for display: tool, inputs, options.
[[nodiscard]] std::map<std::string, std::string> factsOf(const PackSources& sources);

}  // namespace deltascope
