// SPDX-License-Identifier: Apache-2.0
#pragma once
/// From source to Program, with the grammar of Jinja's parser. What is not supported is refused by its name and line.
#include <filesystem>
#include <string_view>

#include "core/text/jinja/ast.h"

namespace deltascope::jinja {

/// `file` is for messages. Untrusted: nesting is bounded, memory is bounded by the size of the source.
[[nodiscard]] Result<Program> parse(std::string_view source, const std::filesystem::path& file);

}  // namespace deltascope::jinja
