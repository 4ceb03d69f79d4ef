// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/replace.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>

#include "core/checkpoint/checkpoint.h"
#include "core/pipeline/layout.h"

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

Result<void> checkReplaceable(const fs::path& folder) {
  const auto companions = companionFiles(folder);
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (entry->is_regular_file(ignored) &&
        (isWeights(name) || std::ranges::find(companions, entry->path()) != companions.end()))
      continue;
    return fail(ErrorCode::InvalidArgument, at({folder, {}, {}}, "holds " + name + ", which is no part of a model"),
                "name another folder, or empty this one yourself");
  }
  if (error) return fail(ErrorCode::Io, at({folder, {}, {}}, "cannot be read: " + error.message()));
  return {};
}

fs::path replacementFor(const fs::path& folder) {
  fs::path hidden = ".";
  hidden += folder.filename();
  hidden += ".new";
  return folder.parent_path() / hidden;
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
