// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files that are not what their names say: Git LFS pointers, web pages saved as weights, other formats, links to nothing.
/// Recognized by their first bytes, so that every reader can say what lies there and what to do about it.
#include <optional>
#include <span>
#include <string>

#include "core/base/file.h"

namespace deltascope {

struct ForeignFile {
  std::string what;  ///< "is a Git LFS pointer, not the file itself (4,976,698,672 bytes)"
  std::string hint;
};

/// Whole files are not needed: this much of the front tells all that is told.
inline constexpr std::size_t kForeignHead = 4096;

/// What a reader expects, which is not foreign to it.
enum class FileKind { Safetensors, Torch, Gguf, Text };

/// `head`: the first bytes of a file of `size` bytes, kForeignHead or all of them. Empty where nothing is recognized.
[[nodiscard]] std::optional<ForeignFile> recognizeForeign(std::span<const std::byte> head, std::uint64_t size,
                                                          FileKind expected);

/// The error of a reader that could not read `file`, or, where the file is recognized as something else, one that says so.
[[nodiscard]] Error orForeign(Error error, const RandomAccessFile& file, FileKind expected);

/// Opens a model's file. Where there is none because a link leads nowhere, as a cache that lost its blobs has, the error says
/// so.
[[nodiscard]] Result<RandomAccessFile> openModelFile(const std::filesystem::path& path);
/// A whole text file of a model; of a file that is recognized as something else, what it is.
[[nodiscard]] Result<std::string> readModelText(const std::filesystem::path& path, std::uint64_t limit);

/// Whether a file, or a link to one, bears this name: a link to nothing counts, so that it is not passed over.
[[nodiscard]] bool isNamed(const std::filesystem::path& path);

/// Weights in formats that are not read, by the names they come under.
[[nodiscard]] std::optional<ForeignFile> foreignName(const std::filesystem::path& path);

/// "download it again: hf download org/name" for a file in the Hub's cache, else `otherwise`.
[[nodiscard]] std::string downloadAgain(const std::filesystem::path& path, const char* otherwise = "copy or download it again");

}  // namespace deltascope
