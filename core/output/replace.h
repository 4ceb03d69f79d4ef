// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Replacing a model's folder by a new one without a moment in which neither is there.
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

/// InvalidArgument when `folder` holds anything that is no part of a model, nor called as one of `files` (relative, with
/// slashes), which will be there again: nothing else may be deleted to make room for one.
[[nodiscard]] Result<void> checkReplaceable(const std::filesystem::path& folder, const std::vector<std::string>& files = {});

/// Gives `fresh` the name of `folder`, then deletes what was there. On failure `folder` is as before and `fresh` is deleted.
[[nodiscard]] Result<void> replaceFolder(const std::filesystem::path& fresh, const std::filesystem::path& folder);

}  // namespace deltascope
