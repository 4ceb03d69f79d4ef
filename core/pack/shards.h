// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files that unpack will write: the final's own where their names can be kept.
#include "core/pack/sources.h"
#include "core/payload/manifest.h"

namespace deltascope {

/// Names for safetensors files, one for each of `files`, which differ: as they are where every one is a name that FORMAT.md
/// allows and Checkpoint::open finds again in a folder of such files; else model.safetensors, or
/// model-00001-of-00003.safetensors in natural order of the files.
[[nodiscard]] std::vector<std::string> shardNames(const std::vector<std::filesystem::path>& files);

/// Every file of the final with its tensors. Empty where the final's files are not known.
[[nodiscard]] ShardLayout shardsOf(const PackSources& sources);

/// What the final's files say beside their tensors, one for each of `shards`, which shardsOf gave. Nothing where the final has
/// no files of its own, or is of another kind than safetensors.
[[nodiscard]] std::optional<FinalHeaders> headersOf(const PackSources& sources, const ShardLayout& shards);

}  // namespace deltascope
