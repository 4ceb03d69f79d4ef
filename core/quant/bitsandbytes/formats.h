// SPDX-License-Identifier: Apache-2.0
#pragma once
/// NF4, FP4 and INT8 in the names and layouts of bitsandbytes (QuantState.as_dict, Linear8bitLt) as transformers saves and
/// loads them. The values of `quant_map` are not used (nor does the library use them), only hashed and compared. An I8 weight
/// without SCB is no quantized weight unless config.json says so.
#include "core/quant/base_format.h"

namespace deltascope {

[[nodiscard]] const BaseFormat& nf4Base();
[[nodiscard]] const BaseFormat& fp4Base();
[[nodiscard]] const BaseFormat& int8Base();

}  // namespace deltascope
