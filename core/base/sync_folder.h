// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>

namespace deltascope {

/// Makes renames in this folder survive a power cut. The data has been synced by then, so that a failure here is none of the
/// file's and is not told.
void syncFolder(const std::filesystem::path& folder);

}  // namespace deltascope
