// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Finding the weights of bitsandbytes in a checkpoint; see formats.h.
#include "core/quant/bitsandbytes/quant_format.h"
#include "core/quant/quantized.h"

namespace deltascope {

/// Weights with a state of `format` (Nf4, Fp4). A state of an unknown type is refused with Nf4's.
[[nodiscard]] Result<void> findFourBit(const Checkpoint& checkpoint, QuantFormat format, ScaleReading reading,
                                       QuantizedTensors& into);
[[nodiscard]] Result<void> findInt8(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into);
/// A part whose weight was not found by its state or SCB: those are what is missing.
[[nodiscard]] Result<void> refuseFourBitOrphan(const Checkpoint& checkpoint, const TensorInfo& tensor,
                                               const QuantizedTensors& found);
[[nodiscard]] Result<void> refuseInt8Orphan(const Checkpoint& checkpoint, const TensorInfo& tensor,
                                            const QuantizedTensors& found);

}  // namespace deltascope
