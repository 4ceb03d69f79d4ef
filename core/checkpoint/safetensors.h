// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The safetensors container (github.com/huggingface/safetensors): 8-byte little-endian N, N bytes of JSON, then the data.
/// Untrusted bytes: parse() and open() refuse everything the reference library refuses, and duplicate names besides; nothing is
/// allocated beyond the header's own size, and no read goes outside the file.
#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;              ///< by offset; TensorInfo::offset counts from the start of the file
  std::map<std::string, std::string> metadata;  ///< `__metadata__`
};

/// `header`: the N bytes of JSON; `fileSize`: of the whole file; `path` is for messages only.
[[nodiscard]] Result<SafetensorsHeader> parseSafetensorsHeader(std::span<const std::byte> header, std::uint64_t fileSize,
                                                               const std::filesystem::path& path);

/// One safetensors file, opened for reading by range. Threads: const members may be called concurrently.
class SafetensorsFile {
 public:
  [[nodiscard]] static Result<SafetensorsFile> open(const std::filesystem::path& path);
  [[nodiscard]] const SafetensorsHeader& header() const { return m_header; }
  [[nodiscard]] const std::filesystem::path& path() const { return m_file.path(); }
  [[nodiscard]] std::uint64_t size() const { return m_file.size(); }
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;
  /// Bytes [begin, begin + into.size()) of the tensor's data; a range outside the tensor is refused.
  [[nodiscard]] Result<void> read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const;

 private:
  explicit SafetensorsFile(RandomAccessFile file) : m_file(std::move(file)) {}
  [[nodiscard]] Result<void> readHeader();
  RandomAccessFile m_file;
  SafetensorsHeader m_header;
  std::vector<std::uint32_t> m_byName;  ///< indices into header().tensors, sorted by name
};

/// A tensor to be written: its size must be known, its bytes may come later and in any order.
struct TensorSpec {
  std::string name;
  DType dtype = DType::U8;
  std::vector<std::uint64_t> shape;
};

/// Writes one safetensors file whose tensors are all declared up front, laid out as the reference library does (by descending
/// type, then name; header padded with spaces to 8 bytes); its space is reserved at once and commit() renames it into place.
/// Threads: write() may be called concurrently on disjoint ranges. commit() refuses a file that was not written in full.
class SafetensorsWriter {
 public:
  [[nodiscard]] static Result<SafetensorsWriter> create(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                                                        const std::map<std::string, std::string>& metadata = {});
  [[nodiscard]] Result<void> write(std::string_view name, std::uint64_t begin, std::span<const std::byte> bytes);
  [[nodiscard]] std::uint64_t fileSize() const { return m_fileSize; }
  [[nodiscard]] Result<void> commit();

 private:
  explicit SafetensorsWriter(AtomicFile file)
      : m_file(std::move(file)), m_written(std::make_unique<std::atomic<std::uint64_t>>(0)) {}
  AtomicFile m_file;
  std::unique_ptr<std::atomic<std::uint64_t>> m_written;  // bytes of tensors; on the heap, for an atomic cannot move
  std::map<std::string, TensorInfo, std::less<>> m_tensors;
  std::uint64_t m_fileSize = 0, m_dataSize = 0;
};

}  // namespace deltascope
