// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/os_error.h"
#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // Linux moves at most 2 GiB a call

}  // namespace

bool isFile(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool isFolder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

Result<RandomAccessFile> RandomAccessFile::open(const std::filesystem::path& path) {
  RandomAccessFile file;
  file.m_path = path;
  // O_NONBLOCK: a FIFO must be refused below, not waited for.
  do file.m_descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  while (file.m_descriptor < 0 && errno == EINTR);
  if (file.m_descriptor < 0) return tl::make_unexpected(systemError(errno, {path, {}, {}}, "cannot open"));
  struct stat status {};
  if (::fstat(file.m_descriptor, &status) != 0)
    return tl::make_unexpected(systemError(errno, {path, {}, {}}, "cannot read its size"));
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::InvalidArgument, at({path, {}, {}}, "is a folder"), "name a file in it");
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::InvalidArgument, at({path, {}, {}}, "is not a regular file"));
  file.m_size = static_cast<std::uint64_t>(status.st_size);
  return file;
}

RandomAccessFile::RandomAccessFile(RandomAccessFile&& other) noexcept
    : m_descriptor(std::exchange(other.m_descriptor, -1)), m_size(other.m_size), m_path(std::move(other.m_path)) {}

RandomAccessFile& RandomAccessFile::operator=(RandomAccessFile&& other) noexcept {
  std::swap(m_descriptor, other.m_descriptor);
  std::swap(m_size, other.m_size);
  std::swap(m_path, other.m_path);
  return *this;
}

RandomAccessFile::~RandomAccessFile() {
  if (m_descriptor >= 0) ::close(m_descriptor);
}

Result<void> RandomAccessFile::readAt(std::uint64_t offset, std::span<std::byte> into, std::string_view tensor) const {
  const auto where = [&](std::uint64_t position) { return Location{m_path, std::string(tensor), position}; };
  const auto end = checkedAdd(offset, into.size());
  if (!end || *end > m_size)
    return fail(ErrorCode::Corrupt, at(where(offset), "the file ends at " + std::to_string(m_size) + ", " +
                                                          std::to_string(into.size()) + " bytes were expected here"));
  while (!into.empty()) {
    const auto got = ::pread(m_descriptor, into.data(), std::min(into.size(), kMostAtOnce), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::make_unexpected(systemError(errno, where(offset), "cannot read"));
    if (got == 0)
      return fail(ErrorCode::Io, at(where(offset), "the file was truncated while it was being read"),
                  "copy it again, then retry");
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<std::string> readTextFile(const std::filesystem::path& path, std::uint64_t limit) {
  DELTASCOPE_ASSIGN(const auto file, RandomAccessFile::open(path));
  if (file.size() > limit)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is " + formatCount(file.size()) + " bytes, at most " +
                                                               formatCount(limit) + " are accepted here"));
  std::string text(file.size(), '\0');
  DELTASCOPE_TRY(file.readAt(0, std::as_writable_bytes(std::span(text))));
  return text;
}

Result<void> writeTextFile(const std::filesystem::path& path, std::string_view text) {
  DELTASCOPE_ASSIGN(auto file, AtomicFile::create(path));
  DELTASCOPE_TRY(file.writeAt(0, std::as_bytes(std::span(text))));
  return file.commit();
}

}  // namespace deltascope
