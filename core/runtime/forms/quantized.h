// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Codes and scales as products read them. Internal to core/runtime/forms.
#include "core/runtime/forms/form.h"

namespace deltascope {

/// The weight's base; points into `base`.
[[nodiscard]] kernels::Matrix quantizedMatrix(const TensorOrigin& origin, const ResidentBase& base);

/// A weight's base as products read it, quantized or not; empty where it has other rows than the final, or is not there.
[[nodiscard]] std::optional<kernels::Matrix> baseMatrix(const TensorOrigin& origin, const ResidentBase* base);

}  // namespace deltascope
