// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What to call a file or folder in a few words.
#include <filesystem>
#include <string>

namespace deltascope {

/// The last part of a path, "chat-nf4" of "models/chat-nf4/"; the whole path where it has none.
[[nodiscard]] inline std::string lastNameOf(const std::filesystem::path& path) {
  const auto clean = path.lexically_normal();
  const auto name = clean.has_filename() ? clean.filename() : clean.parent_path().filename();
  return name.empty() ? path.string() : name.string();
}

}  // namespace deltascope
