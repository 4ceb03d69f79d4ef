// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which files hold a checkpoint's tensors: found by name in a folder, or listed by an index.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

struct WeightsLayout {
  std::filesystem::path folder;               ///< of the configuration files
  std::filesystem::path index;                ///< `*.safetensors.index.json` or `*.bin.index.json`, or empty
  std::string indexMetadata;                  ///< what the index says of itself, a JSON object, or empty
  std::vector<std::filesystem::path> shards;  ///< each once; sorted when from an index, and parts of a GGUF file
};

/// See Checkpoint::open for the rules. Shards are named, not opened: they may be missing. An index is a list of files and no
/// more: which tensor it puts where is not believed, for tied heads, buffers and tensors in other shards occur.
[[nodiscard]] Result<WeightsLayout> locateWeights(const std::filesystem::path& path, std::string_view stem);

}  // namespace deltascope
