// SPDX-License-Identifier: Apache-2.0
#pragma once
/// GGUF files as a checkpoint: parts of one that was split, and rows that the conversion to GGUF put in another order.
#include <filesystem>
#include <span>
#include <vector>

#include "core/checkpoint/gguf_file.h"

namespace deltascope {

/// The files that belong together, in order: those of NAME-00001-of-00003.gguf for any of the three, else the file alone. They
/// are named, not opened.
[[nodiscard]] std::vector<std::filesystem::path> ggufParts(const std::filesystem::path& path);
/// Whether a file's name is that of a whole model's weights or of their first part: further parts are found from there, and the
/// projector of images ("mmproj") belongs to another file.
[[nodiscard]] bool isWholeGguf(const std::filesystem::path& path);

/// Whether the parts say of themselves what their names say; Corrupt names the one that does not.
[[nodiscard]] Result<void> checkGgufParts(std::span<const GgufFile* const> parts);

/// Sets TensorInfo::interleavedHeads where the model's architecture has its query and key rows converted so: "llama"
/// (llama.cpp, convert_hf_to_gguf.py, LlamaModel.permute). `first` has the metadata.
[[nodiscard]] Result<void> setGgufRowOrder(const GgufFile& first, std::vector<TensorInfo>& tensors);

}  // namespace deltascope
