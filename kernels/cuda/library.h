// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the shared library tells and opens.
#include <optional>

#include "kernels/backend.h"
#include "kernels/cuda/tile_table.h"
#include "kernels/residual.h"

namespace deltascope::kernels::cuda {

/// Fills what the CUDA runtime knows of a device, and whether it can be used, or why not.
void describeDevice(int index, DeviceInfo& info);

/// The architecture that this library's code for the current device was written for, as CMake counts (90); 0: it has none.
/// Below the device's own where only the portable form is there, which knows nothing of what came later.
[[nodiscard]] int codeArchitecture();

/// The table of a model whose tiles products read: a four-bit base, BF16 anchors, and prefixes of four bits, or fields without
/// offsets whose signs lie alike. Empty for others.
[[nodiscard]] std::optional<TileTable> tileTable(const AnchorRule& rule, const PrefixTable* prefix, const FieldTable* fields);

}  // namespace deltascope::kernels::cuda
