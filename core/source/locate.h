// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a path names: told apart by names and what lies beside, before anything is opened.
#include <filesystem>
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

/// A packed model folder, a payload file (with its base beside it or given), a payload of the old scripts (a `.pkl`, or a
/// folder with base_model.pth and one), or a plain checkpoint, told apart.
struct ModelFiles {
  enum class Kind { PackedModel, Payload, Checkpoint, Scripts } kind = Kind::Checkpoint;
  std::filesystem::path path;     ///< as given, resolved
  std::filesystem::path payload;  ///< empty for a checkpoint
  std::filesystem::path
      base;  ///< of a packed model: the folder; of the scripts: as given, or beside; else as given, may be empty
};
[[nodiscard]] Result<ModelFiles> locateModel(const std::filesystem::path& path, const std::filesystem::path& base = {});

/// The name of a base beside a payload of the scripts.
inline constexpr std::string_view kScriptsBaseName = "base_model.pth";
/// Unsupported for Kind::Scripts, with what to do: most of what a payload can do, theirs cannot.
[[nodiscard]] Result<void> refuseScripts(const ModelFiles& files);

}  // namespace deltascope
