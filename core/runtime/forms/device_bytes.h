// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What weights take of a GPU's account. Internal to core/runtime/forms.
#include "core/base/units.h"
#include "core/quant/base_format.h"
#include "core/runtime/forms/form.h"

namespace deltascope {

/// A buffer of so many bytes: every one is rounded up.
[[nodiscard]] inline std::uint64_t accountedBytes(std::uint64_t bytes) {
  return roundUp(std::max<std::uint64_t>(bytes, 1), 256);
}

/// Codes and scales; nothing where a sibling has brought them.
[[nodiscard]] std::uint64_t deviceBaseBytes(const TensorOrigin& origin, const FormSite& site);
/// Of a weight with tiles: its stream; offsets and the model's table, counted for each though most share one.
[[nodiscard]] std::uint64_t deviceStreamBytes(const TensorOrigin& origin);
[[nodiscard]] std::uint64_t deviceTableBytes(const TensorOrigin& origin);
/// Its rows that are made together for products of several tokens.
[[nodiscard]] std::uint64_t deviceStepBytes(const TensorOrigin& origin);
/// Bytes of the units of a quantized weight, base and delta (`exact`) or the base alone; 0 where it has none.
[[nodiscard]] std::uint64_t unitBytesOf(const TensorOrigin& origin, kernels::Backend& backend, bool exact);

}  // namespace deltascope
