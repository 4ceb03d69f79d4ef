// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Whether a base is the one that a payload's row was made over, as far as headers and tables tell. Hashes tell the rest.
#include <optional>
#include <string>

#include "core/payload/payload.h"
#include "core/source/base_model.h"

namespace deltascope {

/// What does not fit, in words ("its shape is 2x3, the payload expects 3x2"); nothing when all does. Kind, shape, bytes, and of
/// four-bit weights the tables: those that the row was made over, or, where it does not say, the format's own. `tensor` has a
/// base.
[[nodiscard]] std::optional<std::string> baseMisfit(const BaseModel& base, const TensorStats& tensor);

}  // namespace deltascope
