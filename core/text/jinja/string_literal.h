// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Strings as a template spells them: Python's escapes.
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace deltascope::jinja {

/// `inside`: what stands between the quotes. An escape that is cut off is Corrupt; a named or half character is Unsupported.
[[nodiscard]] Result<std::string> unescape(std::string_view inside);

}  // namespace deltascope::jinja
