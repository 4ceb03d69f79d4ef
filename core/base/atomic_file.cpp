// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <utility>

#include "core/base/file.h"
#include "core/base/os_error.h"
#include "core/base/sync_folder.h"
#include "core/base/units.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr int kNameAttempts = 100;
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;

/// The destination without a trailing slash or dots, so that it has a last part to name the temporary after.
Result<fs::path> normalized(const fs::path& destination) {
  std::error_code error;
  auto path = fs::absolute(destination, error).lexically_normal();
  if (error || destination.empty())
    return fail(ErrorCode::InvalidArgument, at({destination, {}, {}}, "is not a path to write to"));
  if (!path.has_filename()) path = path.parent_path();
  if (!path.has_filename()) return fail(ErrorCode::InvalidArgument, at({destination, {}, {}}, "cannot be replaced"));
  return path;
}

/// A hidden name beside `destination`: the same disk, so that the rename is atomic.
fs::path temporaryName(const fs::path& destination) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t kLongestStem = 200;  // names have 255 bytes on most disks
  std::string name(1, '.');
  name.append(destination.filename().string(), 0, kLongestStem).append(1, '.');
  for (int i = 0; i < 10; ++i) name += kLetters[random() % kLetters.size()];
  return destination.parent_path() / (name + ".part");
}

Error creationError(int number, const fs::path& destination) {
  auto error = systemError(number, {destination, {}, {}}, "cannot write here");
  if (number == ENOENT) error.hint = "create the folder " + destination.parent_path().string() + " first";
  return error;
}

}  // namespace

void syncFolder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

Result<AtomicFile> AtomicFile::create(const fs::path& destination) {
  AtomicFile file;
  DELTASCOPE_ASSIGN(file.m_destination, normalized(destination));
  struct stat status {};
  // Renaming over a device or FIFO would replace it.
  if (::stat(file.m_destination.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return fail(ErrorCode::InvalidArgument,
                at({destination, {}, {}}, S_ISDIR(status.st_mode) ? "is a folder" : "is not a regular file"),
                "name a file to write");
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    const auto name = temporaryName(file.m_destination);
    file.m_descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.m_descriptor >= 0) {
      file.m_temporary = name;
      return file;
    }
    if (errno != EEXIST && errno != EINTR) break;
  }
  return tl::make_unexpected(creationError(errno, file.m_destination));
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : m_descriptor(std::exchange(other.m_descriptor, -1)),
      m_destination(std::move(other.m_destination)),
      m_temporary(std::move(other.m_temporary)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  m_descriptor = std::exchange(other.m_descriptor, -1);
  m_destination = std::move(other.m_destination);
  m_temporary = std::move(other.m_temporary);
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (m_descriptor < 0) return;
  ::close(std::exchange(m_descriptor, -1));
  ::unlink(m_temporary.c_str());
}

Result<void> AtomicFile::writeAt(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(m_descriptor, bytes.data(), std::min(bytes.size(), kMostAtOnce), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return tl::make_unexpected(systemError(put == 0 ? ENOSPC : errno, {m_destination, {}, offset}, "cannot write"));
    offset += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> AtomicFile::reserve(std::uint64_t size) {
  if (size == 0) return truncate(0);
  int status = 0;
  do status = ::fallocate(m_descriptor, 0, 0, static_cast<off_t>(size));
  while (status != 0 && errno == EINTR);
  if (status == 0) return {};
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
    return tl::make_unexpected(systemError(errno, {m_destination, {}, {}}, "needs " + formatGib(size)));
  return truncate(size);
}

Result<void> AtomicFile::truncate(std::uint64_t size) {
  int status = 0;
  do status = ::ftruncate(m_descriptor, static_cast<off_t>(size));
  while (status != 0 && errno == EINTR);
  if (status != 0) return tl::make_unexpected(systemError(errno, {m_destination, {}, size}, "cannot set the size"));
  return {};
}

Result<void> AtomicFile::commit() {
  if (m_descriptor < 0) return fail(ErrorCode::Internal, at({m_destination, {}, {}}, "was already committed"));
  // EINVAL and ENOTSUP: this disk cannot sync, which is not an error of the data.
  if (::fsync(m_descriptor) != 0 && errno != EINVAL && errno != ENOTSUP)
    return tl::make_unexpected(systemError(errno, {m_destination, {}, {}}, "cannot write to disk"));
  if (::rename(m_temporary.c_str(), m_destination.c_str()) != 0)
    return tl::make_unexpected(systemError(errno, {m_destination, {}, {}}, "cannot move the finished file here"));
  const int closed = ::close(std::exchange(m_descriptor, -1));
  syncFolder(m_destination.parent_path());
  if (closed != 0 && errno != EINTR)
    return tl::make_unexpected(systemError(errno, {m_destination, {}, {}}, "cannot finish the file"));
  return {};
}

Result<AtomicFolder> AtomicFolder::create(const fs::path& destination) {
  AtomicFolder folder;
  DELTASCOPE_ASSIGN(folder.m_destination, normalized(destination));
  std::error_code error;
  const auto status = fs::status(folder.m_destination, error);
  if (fs::exists(status)) {
    if (!fs::is_directory(status))
      return fail(ErrorCode::InvalidArgument, at({destination, {}, {}}, "is a file"), "name a folder that does not exist yet");
    if (!fs::is_empty(folder.m_destination, error) || error)
      return fail(ErrorCode::InvalidArgument, at({destination, {}, {}}, "is a folder with something in it"),
                  "name a folder that does not exist yet");
    // rename() replaces an empty folder, but not a link to one
    if (const auto real = fs::canonical(folder.m_destination, error); !error) folder.m_destination = real;
  }
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    const auto name = temporaryName(folder.m_destination);
    if (::mkdir(name.c_str(), 0777) == 0) {
      folder.m_temporary = name;
      return folder;
    }
    if (errno != EEXIST) break;
  }
  return tl::make_unexpected(creationError(errno, folder.m_destination));
}

AtomicFolder::AtomicFolder(AtomicFolder&& other) noexcept
    : m_destination(std::move(other.m_destination)), m_temporary(std::exchange(other.m_temporary, {})) {}

AtomicFolder& AtomicFolder::operator=(AtomicFolder&& other) noexcept {
  if (this == &other) return *this;
  discard();
  m_destination = std::move(other.m_destination);
  m_temporary = std::exchange(other.m_temporary, {});
  return *this;
}

AtomicFolder::~AtomicFolder() { discard(); }

void AtomicFolder::discard() noexcept {
  if (m_temporary.empty()) return;
  std::error_code ignored;
  fs::remove_all(m_temporary, ignored);
  m_temporary.clear();
}

Result<void> AtomicFolder::commit() {
  if (m_temporary.empty()) return fail(ErrorCode::Internal, at({m_destination, {}, {}}, "was already committed"));
  syncFolder(m_temporary);
  if (::rename(m_temporary.c_str(), m_destination.c_str()) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST)
      return fail(ErrorCode::InvalidArgument, at({m_destination, {}, {}}, "was filled by someone else meanwhile"),
                  "name a folder that does not exist yet");
    return tl::make_unexpected(systemError(errno, {m_destination, {}, {}}, "cannot move the finished folder here"));
  }
  m_temporary.clear();
  syncFolder(m_destination.parent_path());
  return {};
}

}  // namespace deltascope
