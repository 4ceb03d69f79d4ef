// SPDX-License-Identifier: Apache-2.0
#pragma once
/// GGUF, the container of llama.cpp (github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3: metadata, a table of
/// tensors, and their bytes.
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/gguf_value.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {

/// One file, opened for reading by range. Tensors have their names in the file, sides in row-major order (the file lists the
/// fastest first), and `ggml`; one of blocks is of type U8, its last side counts the bytes of a row.
///
/// Threads: const members may be called concurrently. Untrusted bytes: every count, text and array was found to lie inside the
/// file, tensors lie inside it, aligned, and do not overlap; names and keys are UTF-8 and occur once. Refused by name: version
/// 1, files of the other byte order, more than four sides, unknown types of tensors and values. Memory: that of names and
/// single values, which is no more than a few times their bytes in the file; arrays are passed over.
class GgufFile {
 public:
  [[nodiscard]] static Result<GgufFile> open(const std::filesystem::path& path);
  [[nodiscard]] const std::filesystem::path& path() const { return m_file.path(); }
  [[nodiscard]] const GgufMetadata& metadata() const { return m_metadata; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return m_tensors; }  ///< by offset
  /// Bytes [begin, begin + into.size()) of the tensor's data, its rows in the order that `tensor.interleavedHeads` undoes; a
  /// range outside the tensor is refused.
  [[nodiscard]] Result<void> read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const;
  /// The texts of an array of this file's metadata; Mismatch where it holds something else.
  [[nodiscard]] Result<std::vector<std::string>> texts(const GgufArray& array) const;
  /// The numbers of one, as doubles.
  [[nodiscard]] Result<std::vector<double>> numbers(const GgufArray& array) const;

 private:
  explicit GgufFile(RandomAccessFile file) : m_file(std::move(file)) {}
  [[nodiscard]] Result<void> readHeader();

  RandomAccessFile m_file;
  GgufMetadata m_metadata;
  std::vector<TensorInfo> m_tensors;
};

/// Whether a file of this name is read as a GgufFile: .gguf.
[[nodiscard]] bool isGgufName(const std::filesystem::path& path);

}  // namespace deltascope
