// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a pack request may ask for.
#include "core/pack/pack.h"
#include "core/pack/plan.h"

namespace deltascope {

/// InvalidArgument for combinations that mean nothing and numbers out of range.
[[nodiscard]] Result<void> checkPackRequest(const PackRequest& request);

/// Unsupported when a codec was asked for and none of the tensors to code can take it.
[[nodiscard]] Result<void> checkForcedCodec(const PackSources& sources, const PackPlan& plan);

[[nodiscard]] std::uint64_t finalBytesOf(const PackSources& sources);

}  // namespace deltascope
