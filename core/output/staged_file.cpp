// SPDX-License-Identifier: Apache-2.0
#include "core/output/staged_file.h"

#include <cerrno>
#include <cstdio>

#include "core/base/os_error.h"
#include "core/base/sync_folder.h"
#include "core/output/output_folder.h"

namespace deltascope {

namespace fs = std::filesystem;

Result<StagedFile> StagedFile::create(const fs::path& out) {
  const fs::path destination = resolvedPath(out), hidden = hiddenBeside(destination);
  std::error_code ignored;
  // Renaming over a device or FIFO would replace it.
  if (const auto there = fs::status(destination, ignored); fs::exists(there) && !fs::is_regular_file(there))
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "is not a regular file"), "name a file to write");
  auto folder = AtomicFolder::create(hidden);
  if (folder) return StagedFile(std::move(*folder), destination);
  Error error = folder.error();
  error.message = renamed(std::move(error.message), hidden.string(), destination.string());
  return tl::make_unexpected(std::move(error));
}

Result<void> StagedFile::commit() {
  if (::rename(path().c_str(), m_destination.c_str()) != 0)
    return tl::make_unexpected(systemError(errno, {m_destination, {}, {}}, "cannot move the finished file here"));
  syncFolder(m_destination.parent_path());
  return {};
}

Error StagedFile::shown(Error error) const {
  error.message = renamed(std::move(error.message), path().string(), m_destination.string());
  error.message = renamed(std::move(error.message), m_folder.path().string(), m_destination.parent_path().string());
  return error;
}

}  // namespace deltascope
