// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What `pack --estimate` prints.
#include "app/cli/print.h"
#include "core/pack/pack.h"

namespace deltascope::cli {

[[nodiscard]] Json toJson(const PackEstimate& estimate);
/// `why`: a line on each tensor's choice, too.
[[nodiscard]] std::string toText(const PackEstimate& estimate, bool why);

}  // namespace deltascope::cli
