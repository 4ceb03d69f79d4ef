// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Finding weights whose scales lie in tensors of their own; what counts as one: formats.h.
#include "core/quant/base_format.h"

namespace deltascope {

/// As BaseFormat::find, for fp8, w8 or w4. Scales that are not a grid over the weight are Corrupt.
[[nodiscard]] Result<void> findScaled(const Checkpoint& checkpoint, const BaseFormat& format, ScaleReading reading,
                                      QuantizedTensors& into);

}  // namespace deltascope
