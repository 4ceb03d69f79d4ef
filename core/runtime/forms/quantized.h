// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Codes and scales as products read them. Internal to core/runtime/forms.
#include "core/runtime/forms/form.h"

namespace deltascope {

/// The weight's base; points into `base`.
[[nodiscard]] kernels::Matrix quantizedMatrix(const TensorOrigin& origin, const ResidentBase& base);

}  // namespace deltascope
