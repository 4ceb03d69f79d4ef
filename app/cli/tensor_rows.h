// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What `inspect` and `pack --estimate` say of a tensor alike.
#include "app/cli/print.h"
#include "core/payload/manifest.h"

namespace deltascope::cli {

/// Name, shape, type, elements, codec, sizes and base: the keys of a row of the table.
[[nodiscard]] Json tensorJson(const TensorStats& tensor);
/// "0.123", and "–" for the ratio of what nothing is stored for.
[[nodiscard]] std::string thousandths(double value);
[[nodiscard]] std::string ratioCell(double ratio, std::uint64_t stored);

}  // namespace deltascope::cli
