// SPDX-License-Identifier: Apache-2.0
#include "core/output/replace.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>

#include "core/checkpoint/companions.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

bool isWeights(const std::string& name) {
  return name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json") || name == kFinalConfigName;
}

/// For disks that cannot exchange two names: one step aside, one in.
int moveAside(const fs::path& fresh, const fs::path& folder) {
  fs::path old = fresh;
  old += ".old";
  if (::rename(folder.c_str(), old.c_str()) != 0) return errno;
  if (::rename(fresh.c_str(), folder.c_str()) != 0) {
    const int number = errno;
    (void)::rename(old.c_str(), folder.c_str());
    return number;
  }
  return ::rename(old.c_str(), fresh.c_str()) == 0 ? 0 : errno;
}

}  // namespace

Result<void> checkReplaceable(const fs::path& folder, const std::vector<std::string>& files) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().lexically_relative(folder).generic_string();
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) continue;
    if (entry->is_regular_file(ignored) &&
        (isWeights(name) || isWellKnownCompanion(name) || std::ranges::find(files, name) != files.end()))
      continue;
    return fail(ErrorCode::InvalidArgument, at({folder, {}, {}}, "holds " + printable(name) + ", which is no part of a model"),
                "name another folder, or empty this one yourself");
  }
  if (error) return fail(ErrorCode::Io, at({folder, {}, {}}, "cannot be read: " + error.message()));
  return {};
}

Result<void> replaceFolder(const fs::path& fresh, const fs::path& folder) {
  std::error_code ignored;
  int number = ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0 ? 0 : errno;
  if (number == EINVAL || number == ENOSYS) number = moveAside(fresh, folder);
  fs::remove_all(fresh, ignored);
  if (number == 0) return {};
  return fail(ErrorCode::Io,
              at({folder, {}, {}}, "cannot be replaced: " + std::error_code(number, std::generic_category()).message()));
}

}  // namespace deltascope
