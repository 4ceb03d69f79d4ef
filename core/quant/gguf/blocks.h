// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Weights of GGUF files in blocks: one format for each type that is read.
#include <span>

#include "core/quant/base_format.h"

namespace deltascope {

/// In the order of their kinds, from BaseKind::Q8_0 on.
[[nodiscard]] std::span<const BaseFormat* const> ggufBases();

}  // namespace deltascope
