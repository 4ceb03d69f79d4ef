// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What torch.save writes of a dict of tensors: since torch 1.6 a ZIP with NAME/data.pkl, which describes them, and
/// NAME/data/K, their storages; before, a row of pickles and the storages after them. Opened as data: see pickle.h for what is
/// refused.
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {

/// Threads: const members may be called concurrently. Untrusted bytes: every tensor was found to lie inside its storage, and
/// every storage inside its file, before open() returns. A dict that holds the tensors' own dict beside other things
/// ("state_dict", "model", "module" …) is that one. Refused by name: values that are no tensors, repeated names, conjugated and
/// negated views, types that safetensors lacks, big-endian files. Memory: a few times the size of the pickle; a tensor whose
/// strides are not those of a contiguous one needs its storage in memory while it is read, and the last one is kept.
class TorchFile {
 public:
  [[nodiscard]] static Result<TorchFile> open(const std::filesystem::path& path);
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return m_tensors; }  ///< as the dict has them
  [[nodiscard]] const std::filesystem::path& path() const { return m_file.path(); }
  /// Bytes [begin, begin + into.size()) of the tensor's data, row-major; a range outside the tensor is refused.
  [[nodiscard]] Result<void> read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const;

 private:
  struct Window;  // the bytes of a storage that a strided tensor spans
  explicit TorchFile(RandomAccessFile file);
  [[nodiscard]] Result<void> readDirectory();
  [[nodiscard]] Result<std::shared_ptr<const Window>> windowOf(const TensorInfo& tensor) const;

  RandomAccessFile m_file;
  std::vector<TensorInfo> m_tensors;
  std::unordered_map<std::string, std::vector<std::uint64_t>> m_strides;  // in elements, of tensors that are not contiguous
  std::shared_ptr<std::mutex> m_guard;                                    // of m_window
  mutable std::shared_ptr<const Window> m_window;                         // the last one read
};

/// Whether a file of this name is read as a TorchFile: .pth, .pt, .bin, .ckpt.
[[nodiscard]] bool isTorchName(const std::filesystem::path& path);

}  // namespace deltascope
