// SPDX-License-Identifier: Apache-2.0
#pragma once
/// An errno of the operating system as an Error.
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

/// "file, tensor, offset: what: No such file or directory", with the code and hint that suit `number`: full disks, quotas and
/// file size limits are DiskFull; absent files NotFound; ENOMEM OutOfMemory; all others Io.
[[nodiscard]] Error systemError(int number, const Location& where, std::string_view what);

}  // namespace deltascope
