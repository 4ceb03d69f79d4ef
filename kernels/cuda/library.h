// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the shared library tells and opens.
#include <optional>

#include "kernels/backend.h"
#include "kernels/cuda/tile_table.h"

namespace deltascope::kernels::cuda {

/// Fills what the CUDA runtime knows of a device, and whether it can be used, or why not.
void describeDevice(int index, DeviceInfo& info);

/// Whether this library has code that the current device runs.
[[nodiscard]] bool hasCode();

/// The table of a model whose tiles products read: a four-bit base, BF16 anchors, and prefixes of four bits, or fields without
/// offsets whose signs lie alike. Empty for others.
[[nodiscard]] std::optional<TileTable> tileTable(const AnchorRule& rule, const PrefixTable* prefix, const FieldTable* fields);

}  // namespace deltascope::kernels::cuda
