// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What torch.save writes of a dict of tensors (torch 1.6 and later): a ZIP with NAME/data.pkl, which describes them, and
/// NAME/data/K, their storages. Opened as data: see pickle.h for what is refused.
#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {

/// Threads: const members may be called concurrently. Untrusted bytes: every tensor was found to lie inside its storage, and
/// every storage inside its member, before open() returns. Refused by name: values that are no tensors, repeated names, strides
/// that are not those of a contiguous tensor, conjugated and negated views, types that safetensors lacks, big-endian files.
/// Memory: a few times the size of data.pkl.
class TorchFile {
 public:
  [[nodiscard]] static Result<TorchFile> open(const std::filesystem::path& path);
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return m_tensors; }  ///< as the dict has them
  [[nodiscard]] const std::filesystem::path& path() const { return m_file.path(); }
  /// Bytes [begin, begin + into.size()) of the tensor's data; a range outside the tensor is refused.
  [[nodiscard]] Result<void> read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const;

 private:
  explicit TorchFile(RandomAccessFile file) : m_file(std::move(file)) {}
  RandomAccessFile m_file;
  std::vector<TensorInfo> m_tensors;
};

/// Whether a file of this name is read as a TorchFile: .pth, .pt, .bin.
[[nodiscard]] bool isTorchName(const std::filesystem::path& path);

}  // namespace deltascope
