// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which files hold a checkpoint's tensors: found by name in a folder, or listed by an index.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

struct WeightsLayout {
  std::filesystem::path folder;               ///< of the configuration files
  std::filesystem::path index;                ///< `*.safetensors.index.json`, or empty
  std::vector<std::filesystem::path> shards;  ///< safetensors files, each once; sorted when from an index. Or one .pth
  std::vector<std::pair<std::string, std::uint32_t>> mapped;  ///< the index's tensors and their shards
};

/// See Checkpoint::open for the rules. Shards are named, not opened: they may be missing.
[[nodiscard]] Result<WeightsLayout> locateWeights(const std::filesystem::path& path, std::string_view stem);

}  // namespace deltascope
