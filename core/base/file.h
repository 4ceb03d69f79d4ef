// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files: positioned reads, and outputs that appear under their final name only when complete.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

/// False, too, where it cannot be told.
[[nodiscard]] bool isFile(const std::filesystem::path& path);  ///< a regular one, or a link to one
[[nodiscard]] bool isFolder(const std::filesystem::path& path);

/// A regular file opened for reading by range (pread: no mapping, so truncation is an error and not a signal).
/// Threads: all const members may be called concurrently.
class RandomAccessFile {
 public:
  [[nodiscard]] static Result<RandomAccessFile> open(const std::filesystem::path& path);
  RandomAccessFile(RandomAccessFile&&) noexcept;
  RandomAccessFile& operator=(RandomAccessFile&&) noexcept;
  ~RandomAccessFile();

  [[nodiscard]] std::uint64_t size() const { return m_size; }  ///< bytes, when it was opened
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  /// Fills `into` from `offset`; a short read (file truncated meanwhile) is an error naming the offset, and `tensor` if given.
  [[nodiscard]] Result<void> readAt(std::uint64_t offset, std::span<std::byte> into, std::string_view tensor = {}) const;

 private:
  RandomAccessFile() = default;
  int m_descriptor = -1;
  std::uint64_t m_size = 0;
  std::filesystem::path m_path;
};

/// A file being written next to its destination; commit() syncs and renames it into place, the destructor removes what was not
/// committed. Full disks are ErrorCode::DiskFull. Threads: writeAt may be called concurrently on disjoint ranges.
class AtomicFile {
 public:
  [[nodiscard]] static Result<AtomicFile> create(const std::filesystem::path& destination);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) noexcept;
  ~AtomicFile();

  [[nodiscard]] const std::filesystem::path& destination() const { return m_destination; }
  [[nodiscard]] Result<void> writeAt(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Sets the size and reserves the space, so that a disk too small is noticed before the work; where the disk cannot, as
  /// truncate().
  [[nodiscard]] Result<void> reserve(std::uint64_t size);
  [[nodiscard]] Result<void> truncate(std::uint64_t size);  ///< sets the size; what was not written reads as zeros
  [[nodiscard]] Result<void> commit();

 private:
  AtomicFile() = default;
  void discard() noexcept;
  int m_descriptor = -1;
  std::filesystem::path m_destination, m_temporary;
};

/// A folder being filled next to its destination; commit() renames it into place, the destructor removes what was not
/// committed. The destination must be absent or an empty folder.
class AtomicFolder {
 public:
  [[nodiscard]] static Result<AtomicFolder> create(const std::filesystem::path& destination);
  AtomicFolder(AtomicFolder&&) noexcept;
  AtomicFolder& operator=(AtomicFolder&&) noexcept;
  ~AtomicFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return m_temporary; }  ///< write here
  [[nodiscard]] const std::filesystem::path& destination() const { return m_destination; }
  [[nodiscard]] Result<void> commit();

 private:
  AtomicFolder() = default;
  void discard() noexcept;
  std::filesystem::path m_destination, m_temporary;
};

/// A whole small text file (JSON, templates); refuses more than `limit` bytes.
[[nodiscard]] Result<std::string> readTextFile(const std::filesystem::path& path, std::uint64_t limit = 64u << 20);
[[nodiscard]] Result<void> writeTextFile(const std::filesystem::path& path, std::string_view text);  ///< atomic

}  // namespace deltascope
