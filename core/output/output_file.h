// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files that a command writes beside what it does: logits, tables, runs.
#include <filesystem>
#include <span>

#include "core/base/result.h"

namespace deltascope {

/// Before the work: refuses `out` where it is one of the files of `models` (paths or Hub ids, as given), or where no file can
/// be written. A new name in a model's folder is allowed, and so is a file there that is no part of a model.
[[nodiscard]] Result<void> checkOutputFile(const std::filesystem::path& out, std::span<const std::filesystem::path> models);

}  // namespace deltascope
