// SPDX-License-Identifier: Apache-2.0
#include "core/base/os_error.h"

#include <cerrno>
#include <system_error>

namespace deltascope {
namespace {

struct Advice {
  ErrorCode code;
  const char* hint;
};

Advice adviceFor(int number) {
  switch (number) {
    case ENOSPC:
      return {ErrorCode::DiskFull, "free some space or write to another disk"};
    case EDQUOT:
      return {ErrorCode::DiskFull, "your quota on this disk is used up: free some space or write to another disk"};
    case EFBIG:
      return {ErrorCode::DiskFull, "this disk or a limit does not allow files this large: write to another disk"};
    case ENOENT:
    case ENOTDIR:
      return {ErrorCode::NotFound, "check the path"};
    case EACCES:
    case EPERM:
      return {ErrorCode::Io, "check the permissions"};
    case EROFS:
      return {ErrorCode::Io, "write to another disk"};
    case EMFILE:
    case ENFILE:
      return {ErrorCode::Io, "raise the limit of open files (ulimit -n)"};
    case ENOMEM:
      return {ErrorCode::OutOfMemory, ""};
    default:
      return {ErrorCode::Io, ""};
  }
}

}  // namespace

Error systemError(int number, const Location& where, std::string_view what) {
  const auto advice = adviceFor(number);
  return {advice.code, at(where, std::string(what) + ": " + std::generic_category().message(number)), advice.hint};
}

}  // namespace deltascope
