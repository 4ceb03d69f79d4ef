// SPDX-License-Identifier: Apache-2.0
#pragma once
/// GPT-2's table of bytes and printable characters: printable Latin-1 stands for itself, the other 68 bytes for U+0100…U+0143.
#include <optional>
#include <string>
#include <string_view>

namespace deltascope::text {

[[nodiscard]] std::string_view byteLevelChar(unsigned char byte);  ///< UTF-8, one or two bytes
[[nodiscard]] std::string toByteLevel(std::string_view bytes);
/// The bytes a byte-level token stands for; nothing when it holds a character that is not in the table.
[[nodiscard]] std::optional<std::string> fromByteLevel(std::string_view token);

/// "<0x0A>", as byte fallback spells a byte.
[[nodiscard]] std::string byteToken(unsigned char byte);

}  // namespace deltascope::text
