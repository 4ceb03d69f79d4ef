// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Bases without codes: none at all, and a tensor of floats (a parent), or of any type that the final has too.
#include "core/quant/base_format.h"

namespace deltascope {

[[nodiscard]] const BaseFormat& noBase();
[[nodiscard]] const BaseFormat& sameBase();

}  // namespace deltascope
